import type { Card } from "../../../core/boards/wire";
import { announce, attempt, note } from "../../state";
import { dueDay } from "../parts/due";
import { boardActions } from "../store";
import { dateOf, dueOn } from "./days";

const UTC = { timeZone: "UTC" } as const;
const whole = new Intl.DateTimeFormat(undefined, { ...UTC, weekday: "long", day: "numeric", month: "long" });
const month = new Intl.DateTimeFormat(undefined, { ...UTC, month: "long", year: "numeric" });
const weekday = new Intl.DateTimeFormat(undefined, { ...UTC, weekday: "short" });

/** "Friday 20 November". */
export const dayInFull = (day: number): string => whole.format(dateOf(day));
export const monthInFull = (firstDay: number): string => month.format(dateOf(firstDay));
export const weekdayName = (day: number): string => weekday.format(dateOf(day));

/** Another day keeps the time; null takes the date away. */
export function moveToDay(card: Card, day: number | null): void {
  if (dueDay(card) === day) return;
  const { board, id, title, due_at, due_has_time } = card;
  const change = day === null ? { due_at: null, due_has_time: false } : dueOn(day, card);
  const words = day === null ? `${title} has no date now.` : `${title} is due on ${dayInFull(day)}.`;
  if (day === null) {
    const undo = () => void attempt(() => boardActions.changeTask(board, id, { due_at, due_has_time }));
    note(words, false, { label: "Undo", run: undo });
  } else announce(words);
  void attempt(() => boardActions.changeTask(board, id, change));
}
