/** A board's tasks by the days they are due on. */
import type { BoardData } from "../../../core/boards/store";
import type { Card, Priority } from "../../../core/boards/wire";
import { dueDay } from "../parts/due";

export interface Placed {
  days: ReadonlyMap<number, Card[]>;
  /** Without a date, in the order of the lists; those that are done left out. */
  loose: Card[];
}

const URGENCY: Record<Priority, number> = { high: 0, medium: 1, low: 2 };

export function placeByDay({ lists, order, tasks }: BoardData, fits: ((card: Card) => boolean) | null): Placed {
  const days = new Map<number, Card[]>();
  const loose: Card[] = [];
  for (const list of lists) {
    for (const id of order[list.id] ?? []) {
      const card = tasks[id];
      if (!card || (fits && !fits(card))) continue;
      const day = dueDay(card);
      if (day === null) {
        if ((list.status ?? card.status) !== "done") loose.push(card);
        continue;
      }
      const own = days.get(day);
      if (own) own.push(card);
      else days.set(day, [card]);
    }
  }
  for (const own of days.values()) own.sort(withinDay);
  return { days, loose };
}

/** What is due all day first, the urgent before the rest; then by the clock. */
function withinDay(a: Card, b: Card): number {
  if (a.due_has_time !== b.due_has_time) return a.due_has_time ? 1 : -1;
  if (a.due_has_time) return Date.parse(a.due_at ?? "") - Date.parse(b.due_at ?? "");
  return urgency(a) - urgency(b);
}

const urgency = ({ priority }: Card) => (priority ? URGENCY[priority] : 3);

export type AgendaRow = { kind: "day"; day: number } | { kind: "loose"; count: number } | { kind: "task"; card: Card };

/** The days from `first` up to `end` that have tasks, and today; then what has no date. */
export function agendaRows({ days, loose }: Placed, first: number, end: number, today: number): AgendaRow[] {
  const shown = [...days.keys()].filter((day) => day >= first && day < end);
  if (today >= first && today < end && !days.has(today)) shown.push(today);
  const rows = shown
    .sort((a, b) => a - b)
    .flatMap((day): AgendaRow[] => [
      { kind: "day", day },
      ...(days.get(day) ?? []).map((card): AgendaRow => ({ kind: "task", card })),
    ]);
  if (loose.length > 0) rows.push({ kind: "loose", count: loose.length });
  return [...rows, ...loose.map((card): AgendaRow => ({ kind: "task", card }))];
}
