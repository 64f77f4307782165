import { SmilePlus } from "lucide-react";
import type { TimelineMessage } from "../../core/store";
import type { Reaction } from "../../core/wire";
import { listNames, personName } from "../lib/names";
import { tip } from "../parts/tip";
import { useStore } from "../store";
import { mayAnswer, reactFrom, toggleReaction } from "./message-verbs";

const CHIP =
  "inline-flex h-6 items-center gap-1.5 rounded-full px-2 text-xs font-medium tabular-nums transition-colors coarse:h-8 coarse:px-3";

export function Reactions({ message }: { message: TimelineMessage }) {
  const open = mayAnswer(message);
  return (
    <ul className="mt-1 mb-0.5 flex flex-wrap gap-1" aria-label="Reactions">
      {message.reactions.map((reaction) => (
        <li key={reaction.emoji}>
          <Chip reaction={reaction} disabled={!open} onToggle={() => toggleReaction(message, reaction.emoji)} />
        </li>
      ))}
      {open && (
        <li>
          <button
            type="button"
            aria-label="Add a reaction"
            onClick={(event) => reactFrom(message, event.currentTarget)}
            className={`${CHIP} text-ink-3 hover:bg-hover hover:text-ink`}
          >
            <SmilePlus size={16} strokeWidth={1.75} aria-hidden="true" />
          </button>
        </li>
      )}
    </ul>
  );
}

function Chip({ reaction, disabled, onToggle }: { reaction: Reaction; disabled: boolean; onToggle: () => void }) {
  const mine = useStore((state) => state.me !== null && reaction.users.includes(state.me.id));
  const who = useStore((state) =>
    listNames(
      reaction.users.map((id) => (id === state.me?.id ? "you" : personName(state.people[id]))),
      6,
    ),
  );
  return (
    <button
      type="button"
      {...tip(who)}
      aria-pressed={mine}
      aria-label={`${reaction.emoji} ${reaction.users.length}, ${who}`}
      disabled={disabled}
      onClick={onToggle}
      className={`${CHIP} ${
        mine
          ? "bg-accent-soft text-accent-ink shadow-[inset_0_0_0_1px_var(--accent)]"
          : "bg-hover text-ink-2 hover:bg-pressed"
      }`}
    >
      <span className="text-sm leading-none" aria-hidden="true">
        {reaction.emoji}
      </span>
      {reaction.users.length}
    </button>
  );
}
