/** Figures as an operator reads them: few digits, always a unit. */

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const seconds = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayAndTime = new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const two = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });
const exact = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });

export const NONE = "–";

export function count(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  return value >= 100_000 ? compact.format(value) : whole.format(value);
}

export function rate(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  if (value >= 100) return count(value);
  return value >= 10 ? one.format(value) : two.format(value);
}

/** A time in seconds: "0.8 ms", "120 ms", "1.2 s". */
export function span(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  if (value >= 1) return `${one.format(value)} s`;
  const ms = value * 1_000;
  return `${ms >= 10 || ms === 0 ? whole.format(ms) : one.format(ms)} ms`;
}

/** "48 s", "12 min", "3 h 5 min", "2 d 4 h". */
export function duration(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  const s = Math.max(0, Math.floor(value));
  if (s < 60) return `${s} s`;
  const m = Math.floor(s / 60);
  if (m < 60) return `${m} min`;
  const h = Math.floor(m / 60);
  if (h < 24) return m % 60 ? `${h} h ${m % 60} min` : `${h} h`;
  return h % 24 ? `${Math.floor(h / 24)} d ${h % 24} h` : `${Math.floor(h / 24)} d`;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  let left = value;
  let unit = 0;
  while (left >= 1_000 && unit < UNITS.length - 1) {
    left /= 1_024;
    unit += 1;
  }
  return `${(left >= 10 || unit === 0 ? whole : one).format(left)} ${UNITS[unit]}`;
}

export function percent(share: number | null | undefined): string {
  return share === null || share === undefined ? NONE : `${whole.format(share * 100)} %`;
}

/** 99.97 %, and 100 % only where nothing was missing. */
export function availability(share: number | null): string {
  if (share === null) return NONE;
  return share === 1 ? "100 %" : `${exact.format(Math.floor(share * 10_000) / 100)} %`;
}

export const timeOf = (at: number) => clock.format(at * 1000);
export const momentOf = (at: number) => full.format(at * 1000);

/** A label on the axis of time, as fine as the range needs it. */
export function tickOf(at: number, range: number): string {
  if (range <= 86_400) return clock.format(at * 1000);
  return day.format(at * 1000);
}

/** What stands beside the crosshair. */
export function hoverOf(at: number, range: number): string {
  if (range <= 3_600) return seconds.format(at * 1000);
  return range <= 86_400 ? clock.format(at * 1000) : dayAndTime.format(at * 1000);
}
