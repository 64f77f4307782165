import { memo } from "react";
import type { Card } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { PickerPopover } from "../parts/Picker";
import { ChipList } from "./ChipList";
import { dateOf } from "./days";
import { dayInFull } from "./move-day";
import { TaskChip } from "./TaskChip";

interface Props {
  day: number;
  cards: Card[];
  /** How many lines fit. */
  fit: number;
  /** Of the month that is shown. */
  own: boolean;
  today: boolean;
  over: boolean;
  /** The task of this day that is being dragged. */
  lifted: Id | null;
  editable: boolean;
}

/** One day of the month with as many of its tasks as fit; the others are one press away. */
export const DayCell = memo(function DayCell({ day, cards, fit, own, today, over, lifted, editable }: Props) {
  const shown = cards.length > fit ? cards.slice(0, Math.max(0, fit - 1)) : cards;
  const rest = cards.length - shown.length;
  const date = dateOf(day);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a table's cells do not share the height there is
    <div
      role="cell"
      data-day={day}
      className={`flex min-w-0 flex-col gap-0.5 overflow-hidden border-r border-line p-1 transition-colors last:border-r-0 ${
        over ? "bg-accent-soft" : own ? "" : "bg-sunken"
      }`}
    >
      <span className="flex h-6 shrink-0 items-center justify-end">
        <time
          dateTime={date.toISOString().slice(0, 10)}
          aria-current={today ? "date" : undefined}
          className={`inline-flex h-6 min-w-6 items-center justify-center rounded-full px-1 text-xs tabular-nums ${
            today ? "bg-accent font-semibold text-on-accent" : own ? "text-ink-2" : "text-ink-3"
          }`}
        >
          <span aria-hidden="true">{date.getUTCDate()}</span>
          <span className="sr-only">{dayInFull(day)}</span>
        </time>
      </span>
      {shown.map((card) => (
        <TaskChip key={card.id} card={card} editable={editable} lifted={lifted === card.id} />
      ))}
      {rest > 0 && (
        <PickerPopover
          label={dayInFull(day)}
          trigger={
            <button
              type="button"
              className="h-5.5 shrink-0 rounded px-1.5 text-left text-xs text-ink-3 -outline-offset-1 hover:bg-hover hover:text-ink"
            >
              {shown.length > 0 ? `${rest} more` : `${rest} tasks`}
              <span className="sr-only"> on {dayInFull(day)}</span>
            </button>
          }
        >
          {() => (
            <>
              <p className="px-2 py-1.5 text-sm font-medium">{dayInFull(day)}</p>
              <ChipList cards={cards} most={10} />
            </>
          )}
        </PickerPopover>
      )}
    </div>
  );
});
