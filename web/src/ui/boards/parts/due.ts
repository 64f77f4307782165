/** When a task is due, in words and as a state, in the calendar of whoever looks. */
import { useSyncExternalStore } from "react";
import type { Card } from "../../../core/boards/wire";
import { dayNumber } from "../../lib/time";

export type DueFields = Pick<Card, "due_at" | "due_has_time">;
export type DueState = "overdue" | "today" | "soon" | "later";

const DAY_MS = 86_400_000;
const TICK_MS = 30_000;

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const formats = { timeZone: "UTC" } as const;
const weekday = new Intl.DateTimeFormat(undefined, { ...formats, weekday: "short" });
const dayMonth = new Intl.DateTimeFormat(undefined, { ...formats, day: "numeric", month: "short" });
const withYear = new Intl.DateTimeFormat(undefined, { ...formats, day: "numeric", month: "short", year: "numeric" });
const dated = new Intl.DateTimeFormat(undefined, {
  ...formats,
  weekday: "short",
  day: "numeric",
  month: "short",
  year: "numeric",
});
const whole = new Intl.DateTimeFormat(undefined, { ...formats, dateStyle: "full" });

/** The calendar day it is due, as a number that grows by one from day to day. */
export function dueDay(due: DueFields): number | null {
  if (due.due_at === null) return null;
  return due.due_has_time ? dayNumber(due.due_at) : Math.floor(Date.parse(due.due_at) / DAY_MS);
}

/** Null without a due date. A day is overdue when it is past, a moment when the moment is. */
export function dueState(due: DueFields, now: Date = new Date()): DueState | null {
  const day = dueDay(due);
  if (day === null || due.due_at === null) return null;
  const ahead = day - dayNumber(now);
  if (due.due_has_time ? Date.parse(due.due_at) < now.getTime() : ahead < 0) return "overdue";
  if (ahead === 0) return "today";
  return ahead === 1 ? "soon" : "later";
}

/** "Today", "Tomorrow", "Fri", "12 Nov" or "12 Nov 2027". */
export function dayWords(day: number, now: Date = new Date()): string {
  const ahead = day - dayNumber(now);
  if (ahead === 0) return "Today";
  if (ahead === 1) return "Tomorrow";
  if (ahead === -1) return "Yesterday";
  const date = new Date(day * DAY_MS);
  if (ahead > 1 && ahead < 7) return weekday.format(date);
  return (date.getUTCFullYear() === now.getFullYear() ? dayMonth : withYear).format(date);
}

/** The short form: "Tomorrow 14:00". Empty without a due date. */
export function dueWords(due: DueFields, now: Date = new Date()): string {
  const day = dueDay(due);
  if (day === null || due.due_at === null) return "";
  const words = dayWords(day, now);
  return due.due_has_time ? `${words} ${clock.format(new Date(due.due_at))}` : words;
}

/** The date whenever it is read: "Fri 20 Nov 2026 14:00". */
export function dueDate(due: DueFields): string {
  const day = dueDay(due);
  if (day === null || due.due_at === null) return "";
  const words = dated.format(new Date(day * DAY_MS));
  return due.due_has_time ? `${words} ${clock.format(new Date(due.due_at))}` : words;
}

/** The whole date, for tooltips and screen readers. */
export function dueInFull(due: DueFields): string {
  const day = dueDay(due);
  if (day === null || due.due_at === null) return "";
  const words = whole.format(new Date(day * DAY_MS));
  return due.due_has_time ? `${words}, ${clock.format(new Date(due.due_at))}` : words;
}

const watching = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** One timer for every due date on the page. */
function onTick(tick: () => void): () => void {
  watching.add(tick);
  timer ??= setInterval(() => {
    for (const one of watching) one();
  }, TICK_MS);
  return () => {
    watching.delete(tick);
    if (watching.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** State and words of a due date; renders again when they change with time, and only then. */
export function useDue(due: DueFields): { state: DueState; words: string } | null {
  const told = useSyncExternalStore(onTick, () => {
    const state = dueState(due);
    return state && `${state}|${dueWords(due)}`;
  });
  if (told === null) return null;
  const at = told.indexOf("|");
  return { state: told.slice(0, at) as DueState, words: told.slice(at + 1) };
}
