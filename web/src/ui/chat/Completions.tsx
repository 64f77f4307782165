import { AtSign } from "lucide-react";
import { Avatar } from "../parts/Avatar";
import { ICON } from "../parts/icon";
import type { Completion } from "./use-completion";

/** The list above the composer. The focus stays in the text; the arrows choose. */
export function Completions({ completion }: { completion: Completion }) {
  const { kind, options, chosen, listId, pick, hover } = completion;
  if (kind === null) return null;
  return (
    <div
      id={listId}
      role="listbox"
      aria-label={{ person: "People", emoji: "Emoji", command: "Commands" }[kind]}
      className="float-surface absolute bottom-full left-4 z-30 mb-1 w-80 max-w-[calc(100%-2rem)] rounded-lg p-1 md:left-6"
    >
      {options.map((option, index) => (
        // biome-ignore lint/a11y/useFocusableInteractive: the text keeps the focus and names the active option
        // biome-ignore lint/a11y/useKeyWithClickEvents: the composer handles the keys
        <div
          key={option.id}
          id={`${listId}-${index}`}
          role="option"
          aria-selected={index === chosen}
          onMouseDown={(event) => event.preventDefault()}
          onMouseMove={() => hover(index)}
          onClick={() => pick(index)}
          className={`flex h-9 cursor-pointer items-center gap-2.5 rounded-md px-2 coarse:h-11 ${index === chosen ? "bg-accent-soft" : ""}`}
        >
          {option.emoji ? (
            <span className="w-6 text-center text-lg leading-none">{option.emoji}</span>
          ) : option.user ? (
            <Avatar user={option.user} size="sm" />
          ) : kind === "command" ? null : (
            <AtSign {...ICON} className="mx-[3px] shrink-0 text-ink-2" />
          )}
          <span className="shrink-0 truncate font-medium">{option.label}</span>
          <span className="truncate text-sm text-ink-3">{option.detail}</span>
        </div>
      ))}
    </div>
  );
}
