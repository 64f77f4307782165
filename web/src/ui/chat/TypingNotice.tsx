import type { Id } from "../../core/wire";
import { useNow } from "../lib/hooks";
import { listNames, personName } from "../lib/names";
import { useStore } from "../store";

const NOBODY = {};

/** Who is writing right now. */
export function TypingNotice({ room }: { room: Id }) {
  const typing = useStore((state) => state.typing[room] ?? NOBODY) as Record<Id, number>;
  const me = useStore((state) => state.me?.id);
  const people = useStore((state) => state.people);
  const entries = Object.entries(typing).filter(([id]) => id !== me);
  const now = useNow(1000, entries.length > 0);
  const names = entries.filter(([, until]) => until > now).map(([id]) => personName(people[id]));
  if (names.length === 0) return <span />;
  return (
    <span className="flex min-w-0 items-center gap-2" data-testid="typing">
      <span className="flex gap-0.5" aria-hidden="true">
        {[0, 150, 300].map((delay) => (
          <span
            key={delay}
            className="size-1 rounded-full bg-ink-3"
            style={{ animation: "typing-dot 1.2s ease-in-out infinite", animationDelay: `${delay}ms` }}
          />
        ))}
      </span>
      <span className="truncate">
        {names.length > 3
          ? "Several people are typing"
          : `${listNames(names)} ${names.length === 1 ? "is" : "are"} typing`}
      </span>
    </span>
  );
}
