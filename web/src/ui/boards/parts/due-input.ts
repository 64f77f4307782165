/** Between a due date as the server keeps it and the two fields of a form, both in the calendar of whoever looks. */
import { dayNumber } from "../../lib/time";
import { type DueFields, dayWords, dueDay } from "./due";

const DAY_MS = 86_400_000;
const TIME = /^(\d\d):(\d\d)/;
const FIRST_YEAR = 2000;
const LAST_YEAR = 8999;

export interface DueInputs {
  /** "2026-11-20", or empty. */
  date: string;
  /** "14:00", or empty. */
  time: string;
}

/** The day as a date field has it. */
export function dateOf(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

export function toInputs(due: DueFields): DueInputs {
  const day = dueDay(due);
  if (day === null || due.due_at === null) return { date: "", time: "" };
  const at = new Date(due.due_at);
  const two = (number: number) => String(number).padStart(2, "0");
  return { date: dateOf(day), time: due.due_has_time ? `${two(at.getHours())}:${two(at.getMinutes())}` : "" };
}

/** What is to be sent; null when the fields name no day. A date alone is the midnight, UTC, of that day. */
export function toDue({ date, time }: DueInputs): { due_at: string; due_has_time: boolean } | null {
  const midnight = new Date(`${date}T00:00:00.000Z`);
  if (Number.isNaN(midnight.getTime()) || midnight.toISOString().slice(0, 10) !== date) return null;
  const year = midnight.getUTCFullYear();
  if (year < FIRST_YEAR || year > LAST_YEAR) return null;
  const clock = TIME.exec(time);
  if (!clock) return { due_at: midnight.toISOString(), due_has_time: false };
  const at = new Date(year, midnight.getUTCMonth(), midnight.getUTCDate(), Number(clock[1]), Number(clock[2]));
  return { due_at: at.toISOString(), due_has_time: true };
}

export interface QuickDay {
  name: string;
  day: number;
  /** "Fri 20 Nov" beside the name. */
  words: string;
}

const beside = new Intl.DateTimeFormat(undefined, {
  timeZone: "UTC",
  weekday: "short",
  day: "numeric",
  month: "short",
});

/** Today, tomorrow and next week's Monday. */
export function quickDays(now: Date = new Date()): QuickDay[] {
  const today = dayNumber(now);
  const monday = today + ((8 - now.getDay()) % 7 || 7);
  return [
    { name: dayWords(today, now), day: today },
    { name: dayWords(today + 1, now), day: today + 1 },
    { name: "Next week", day: monday },
  ].map((one) => ({ ...one, words: beside.format(new Date(one.day * DAY_MS)) }));
}
