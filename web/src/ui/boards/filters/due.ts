/** Due dates in the browser's calendar; days are numbers that grow by one (see lib/time.ts). */
import type { Card } from "../../../core/boards/wire";
import { dayNumber } from "../../lib/time";

const DAY_MS = 86_400_000;

type Dated = Pick<Card, "due_at" | "due_has_time">;

/** The day a task is due on, or null. A date without a time is the same day everywhere. */
export function dueDay({ due_at, due_has_time }: Dated): number | null {
  if (due_at === null) return null;
  return due_has_time ? dayNumber(due_at) : Math.floor(Date.parse(due_at) / DAY_MS);
}

/** Past its moment, or past its whole day. */
export function isPast(card: Dated, now: Date): boolean {
  if (card.due_at === null) return false;
  return card.due_has_time ? Date.parse(card.due_at) < now.getTime() : (dueDay(card) ?? 0) < dayNumber(now);
}

/** 0 is Monday. Day 0, 1 January 1970, was a Thursday. */
export const weekdayOf = (day: number): number => (((day + 3) % 7) + 7) % 7;

/** The Sunday with which the week of that day ends. */
export const endOfWeek = (day: number): number => day + 6 - weekdayOf(day);
