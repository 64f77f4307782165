import { CalendarCheck, CalendarClock, Repeat2 } from "lucide-react";
import type { Card } from "../../../core/boards/wire";
import { type DueFields, type DueState, dueInFull, useDue } from "./due";

const TONES: Record<DueState | "done", string> = {
  overdue: "text-danger-ink",
  today: "text-caution-ink",
  soon: "text-ink-2",
  later: "text-ink-3",
  done: "text-ink-3",
};

interface Props {
  card: DueFields & Pick<Card, "repeat">;
  /** What is done is never overdue. */
  done?: boolean;
}

/** When a task is due; nothing without a date. */
export function DueChip({ card, done = false }: Props) {
  const due = useDue(card);
  if (due === null || card.due_at === null) return null;
  const tone = done ? "done" : due.state;
  const Icon = done ? CalendarCheck : CalendarClock;
  return (
    <span
      className={`inline-flex h-5 items-center gap-1 text-xs whitespace-nowrap tabular-nums ${TONES[tone]}`}
      title={`Due ${dueInFull(card)}`}
    >
      <Icon size={14} strokeWidth={1.75} className="shrink-0" aria-hidden="true" />
      <span className="sr-only">{tone === "overdue" ? "Overdue, was due" : "Due"} </span>
      <time dateTime={card.due_has_time ? card.due_at : card.due_at.slice(0, 10)}>{due.words}</time>
      {card.repeat && (
        <>
          <Repeat2 size={13} strokeWidth={1.75} className="shrink-0" aria-hidden="true" />
          <span className="sr-only">, repeats</span>
        </>
      )}
    </span>
  );
}
