/** How often a task comes again: in words, and the usual choices for a due date. */
import type { Repeat, Weekday } from "../../../core/boards/wire";
import { listNames } from "../../lib/names";

export type Unit = Repeat["unit"];

export const WEEKDAYS: readonly Weekday[] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
export const UNITS: readonly Unit[] = ["day", "week", "month", "year"];
export const MOST_EVERY = 99;

const WORKDAYS = WEEKDAYS.slice(0, 5);
const DAY_MS = 86_400_000;
/** A Monday, as a day number. */
const MONDAY = Date.UTC(2024, 0, 1) / DAY_MS;

const short = new Intl.DateTimeFormat(undefined, { timeZone: "UTC", weekday: "short" });
const long = new Intl.DateTimeFormat(undefined, { timeZone: "UTC", weekday: "long" });
const dayMonth = new Intl.DateTimeFormat(undefined, { timeZone: "UTC", day: "numeric", month: "long" });

function nameOf(day: Weekday, format: Intl.DateTimeFormat): string {
  return format.format(new Date((MONDAY + WEEKDAYS.indexOf(day)) * DAY_MS));
}

export const shortWeekday = (day: Weekday) => nameOf(day, short);
export const longWeekday = (day: Weekday) => nameOf(day, long);

/** The weekday of a day number (see `dueDay`). */
export function weekdayOf(day: number): Weekday {
  return WEEKDAYS[(((day - MONDAY) % 7) + 7) % 7] as Weekday;
}

function inOrder(days: readonly Weekday[]): Weekday[] {
  return WEEKDAYS.filter((day) => days.includes(day));
}

/** "Every day", "Every 2 weeks on Mon and Thu", "Every weekday", "Every month on day 31". */
export function repeatWords(repeat: Repeat): string {
  const { every, unit } = repeat;
  const days = unit === "week" ? inOrder(repeat.days ?? []) : [];
  if (every === 1 && days.join() === WORKDAYS.join()) return "Every weekday";
  const words = every === 1 ? `Every ${unit}` : `Every ${every} ${unit}s`;
  if (unit === "month" && repeat.day !== undefined) return `${words} on day ${repeat.day}`;
  return days.length > 0 ? `${words} on ${listNames(days.map(shortWeekday), 7)}` : words;
}

/** Whether both say the same, apart from the zone. */
export function sameRepeat(a: Repeat | null, b: Repeat | null): boolean {
  if (a === null || b === null) return a === b;
  return a.every === b.every && a.unit === b.unit && inOrder(a.days ?? []).join() === inOrder(b.days ?? []).join();
}

/** A whole repeat from a form; null when the number is none. The zone is where its days and times are meant. */
export function makeRepeat(every: number, unit: Unit, days: readonly Weekday[] = []): Repeat | null {
  if (!Number.isInteger(every) || every < 1 || every > MOST_EVERY) return null;
  const { timeZone: zone } = Intl.DateTimeFormat().resolvedOptions();
  return { every, unit, ...(unit === "week" && days.length > 0 ? { days: inOrder(days) } : {}), zone };
}

/** The usual ones, said for the day the task is due. */
export function repeatChoices(day: number): { name: string; repeat: Repeat }[] {
  const weekday = weekdayOf(day);
  const date = new Date(day * DAY_MS);
  const choices: [string, Repeat | null][] = [
    ["Every day", makeRepeat(1, "day")],
    ["Every weekday", makeRepeat(1, "week", WORKDAYS)],
    [`Every week on ${longWeekday(weekday)}`, makeRepeat(1, "week", [weekday])],
    [`Every month on day ${date.getUTCDate()}`, makeRepeat(1, "month")],
    [`Every year on ${dayMonth.format(date)}`, makeRepeat(1, "year")],
  ];
  return choices.flatMap(([name, repeat]) => (repeat ? [{ name, repeat }] : []));
}
