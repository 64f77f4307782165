import { Popover } from "@base-ui/react/popover";
import { type KeyboardEvent, memo, useMemo, useRef, useState } from "react";
import { type Emoji, findEmoji, groups } from "../lib/emoji";
import { recentEmoji, rememberEmoji } from "../lib/emoji-recent";
import { closeEmoji } from "../state";

interface Props {
  anchor: Element;
  place: DOMRect;
  pick: (emoji: string) => void;
}

const COLUMNS = 8;

/** Emoji by group, and a search by name. Opened for a reaction or for the composer. */
export default function EmojiPicker({ anchor, place, pick }: Props) {
  const [query, setQuery] = useState("");
  const search = useRef<HTMLInputElement>(null);
  const recent = useMemo(recentEmoji, []);
  const found = useMemo(() => (query.trim() ? findEmoji(query.trim(), 80) : null), [query]);
  const spot = useMemo(() => ({ getBoundingClientRect: () => place }), [place]);
  const row = useMemo(() => anchor.closest<HTMLElement>("article"), [anchor]);
  const choose = (emoji: string) => {
    rememberEmoji(emoji);
    closeEmoji();
    pick(emoji);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const grid = event.currentTarget;
    const buttons = [...grid.querySelectorAll<HTMLButtonElement>("button[data-emoji]")];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    if (at < 0) {
      if (event.key === "ArrowDown") buttons[0]?.focus();
      else if (event.key === "Enter" && found?.[0]) choose(found[0].emoji);
      else return;
      event.preventDefault();
      return;
    }
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: COLUMNS, ArrowUp: -COLUMNS }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    if (at + step < 0) search.current?.focus();
    else buttons[Math.min(at + step, buttons.length - 1)]?.focus();
  };
  return (
    <Popover.Root defaultOpen onOpenChange={(open) => !open && closeEmoji()}>
      <Popover.Portal>
        <Popover.Positioner anchor={spot} side="top" align="end" sideOffset={6} collisionPadding={8} className="z-50">
          <Popover.Popup
            initialFocus={search}
            finalFocus={() => (anchor.isConnected && anchor instanceof HTMLElement ? anchor : (row ?? false))}
            aria-label="Choose an emoji"
            onKeyDown={onKeyDown}
            className="float-surface appear flex h-88 w-80 flex-col overflow-hidden rounded-xl outline-none"
          >
            <div className="p-2">
              <input
                ref={search}
                type="search"
                value={query}
                onChange={(event) => setQuery(event.target.value)}
                placeholder="Find an emoji"
                aria-label="Find an emoji"
                className="h-8 w-full rounded-md bg-hover px-3 text-sm placeholder:text-ink-3 focus:outline-2 focus:outline-accent coarse:h-10 coarse:text-[16px]"
              />
            </div>
            <div className="min-h-0 grow overflow-y-auto px-2 pb-2">
              {found ? (
                found.length > 0 ? (
                  <Group name="Found" items={found} choose={choose} />
                ) : (
                  <p className="px-2 py-4 text-sm text-ink-3">No emoji has this name.</p>
                )
              ) : (
                <>
                  <Group name="Used last" items={recent.map((emoji) => ({ emoji, name: emoji }))} choose={choose} />
                  <AllGroups choose={choose} />
                </>
              )}
            </div>
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
}

const AllGroups = memo(
  function AllGroups({ choose }: { choose: (emoji: string) => void }) {
    return groups.map((group) => <Group key={group.name} name={group.name} items={group.items} choose={choose} />);
  },
  () => true,
);

function Group({ name, items, choose }: { name: string; items: Emoji[]; choose: (emoji: string) => void }) {
  return (
    <section aria-label={name} className="[contain-intrinsic-size:auto_300px] [content-visibility:auto]">
      <p className="px-1 pt-2 pb-1 text-xs font-medium text-ink-3">{name}</p>
      <div className="grid grid-cols-8">
        {items.map((one) => (
          <button
            key={one.emoji}
            type="button"
            data-emoji
            title={`:${one.name}:`}
            aria-label={one.name.replaceAll("_", " ")}
            onClick={() => choose(one.emoji)}
            className="inline-flex aspect-square items-center justify-center rounded-md text-xl leading-none hover:bg-hover"
          >
            {one.emoji}
          </button>
        ))}
      </div>
    </section>
  );
}
