/** Calendar maths. Days are numbers that grow by one (see lib/time.ts), so that no change of the clock touches them. */
import type { Card } from "../../../core/boards/wire";
import { dayNumber } from "../../lib/time";
import type { DueFields } from "../parts/due";

const DAY_MS = 86_400_000;
const WEEK = 7;

/** 0 is Monday. Day 0, 1 January 1970, was a Thursday. */
export const weekdayOf = (day: number): number => (((day + 3) % WEEK) + WEEK) % WEEK;

/** The Sunday with which the week of that day ends. */
export const endOfWeek = (day: number): number => day + 6 - weekdayOf(day);

/** A day as a date at its midnight, UTC. */
export const dateOf = (day: number): Date => new Date(day * DAY_MS);

/** A month as a number that grows by one: twelve times the year and 0 to 11. */
export function monthOf(day: number): number {
  const date = dateOf(day);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
}

export const firstOfMonth = (month: number): number => Date.UTC(Math.floor(month / 12), month % 12) / DAY_MS;

/** The days of the weeks that a month touches; `first` is the weekday with which weeks begin, 0 for Monday. */
export function monthGrid(month: number, first: number): number[][] {
  const start = firstOfMonth(month);
  const end = firstOfMonth(month + 1);
  const weeks: number[][] = [];
  for (let day = start - ((weekdayOf(start) - first + WEEK) % WEEK); day < end; day += WEEK) {
    weeks.push(Array.from({ length: WEEK }, (_, index) => day + index));
  }
  return weeks;
}

/** "2026-11" for the address, and back; null when it is no month. */
export function monthText(month: number): string {
  return `${Math.floor(month / 12)}-${String((month % 12) + 1).padStart(2, "0")}`;
}

export function readMonth(text: string | null): number | null {
  const found = /^(\d{4})-(\d{2})$/.exec(text ?? "");
  const [year, month] = [Number(found?.[1]), Number(found?.[2])];
  return found && year >= 2000 && year < 9000 && month >= 1 && month <= 12 ? year * 12 + month - 1 : null;
}

/** The weekday with which weeks begin where one is, 0 for Monday. */
export function firstWeekday(locale: string): number {
  try {
    const known = new Intl.Locale(locale) as Intl.Locale & {
      getWeekInfo?: () => { firstDay: number };
      weekInfo?: { firstDay: number };
    };
    return ((known.getWeekInfo?.() ?? known.weekInfo)?.firstDay ?? 1) - 1;
  } catch {
    return 0;
  }
}

/** The due date on another day: a time stays what the clock says, a whole day stays one. */
export function dueOn(day: number, due: DueFields): Pick<Card, "due_at" | "due_has_time"> {
  const date = dateOf(day);
  if (!due.due_has_time || due.due_at === null) return { due_at: date.toISOString(), due_has_time: false };
  const moved = new Date(due.due_at);
  moved.setFullYear(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate());
  return { due_at: moved.toISOString(), due_has_time: true };
}

export const today = (): number => dayNumber(Date.now());
