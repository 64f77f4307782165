/** What the page keeps: the last snapshot, points in time, and each worker's states. Pure. */
import type { Figures, History, Snapshot, Span, WorkerState } from "../../core/operations";

export type Range = "live" | "hour" | "day" | "week";

/** `keep`: how many seconds are shown; `hours`: what is asked of the server. */
export const RANGES: Record<Range, { label: string; name: string; keep: number; hours: number }> = {
  live: { label: "10 min", name: "last ten minutes", keep: 600, hours: 1 },
  hour: { label: "1 h", name: "last hour", keep: 3_600, hours: 1 },
  day: { label: "24 h", name: "last day", keep: 86_400, hours: 24 },
  week: { label: "7 d", name: "last week", keep: 604_800, hours: 168 },
};

export type Series =
  | "people"
  | "active"
  | "sockets"
  | "messages"
  | "requests"
  | "errors"
  | "answer_median"
  | "answer_p95"
  | "lag";

/** `at`: seconds since the epoch. */
export type Point = { at: number } & Record<Series, number | null>;

export interface Lane {
  name: string;
  spans: Span[];
}

export interface Past {
  step: number;
  points: Point[];
  lanes: Lane[];
}

export interface Kept {
  snapshot: Snapshot | null;
  /** Seconds since the epoch by this browser's clock. */
  heardAt: number;
  live: Point[];
  /** CPU of each process as last heard, oldest first. */
  trails: Record<string, number[]>;
  /** The states heard, by worker. */
  spans: Record<string, Span[]>;
}

export const NOTHING: Kept = { snapshot: null, heardAt: 0, live: [], trails: {}, spans: {} };

const LIVE_POINTS = 400;
const TRAIL = 48;
const LIVE_STEP = 2;
/** States heard within this time of each other are joined. */
const JOINED = 15;
const LIVE_SPANS = 100;
const LIVE_LANES = 100;

export function pointOf(figures: Figures, at: number): Point {
  return {
    at,
    people: figures.people,
    active: figures.active,
    sockets: figures.sockets,
    messages: figures.messages_per_second,
    requests: figures.requests_per_second,
    errors: figures.errors_per_second,
    answer_median: figures.answer_median,
    answer_p95: figures.answer_p95,
    lag: figures.lag,
  };
}

/** Takes in what the server said just now. A snapshot older than the last one is dropped. */
export function hear(kept: Kept, snapshot: Snapshot, now: number): Kept {
  const at = Date.parse(snapshot.at) / 1000;
  const last = kept.live.at(-1);
  if (last && at <= last.at) return kept;
  const trails: Record<string, number[]> = {};
  for (const worker of snapshot.workers)
    trails[worker.name] = [...(kept.trails[worker.name] ?? []), worker.cpu].slice(-TRAIL);
  const live = [...kept.live, pointOf(snapshot.figures, at)].slice(-LIVE_POINTS);
  const spans = { ...kept.spans };
  for (const { name, state } of snapshot.workers)
    spans[name] = join(spans[name] ?? [], [at, at, state], JOINED).slice(-LIVE_SPANS);
  for (const name of Object.keys(spans).slice(0, -LIVE_LANES)) delete spans[name];
  return { snapshot, heardAt: now, live, trails, spans };
}

/** The spans with one more after them: it goes on from the last one if that ended within `gap`. */
export function join(spans: Span[], [from, to, state]: Span, gap: number): Span[] {
  const last = spans.at(-1);
  if (!last || from - last[1] > gap) return [...spans, [from, to, state]];
  if (to < last[1] || (to === last[1] && state === last[2])) return spans;
  if (last[2] === state) return [...spans.slice(0, -1), [last[0], to, state]];
  // What was said later about a moment counts.
  const turned = Math.max(last[0], Math.min(from, last[1]));
  return [...spans.slice(0, -1), [last[0], Math.max(turned, from), last[2]], [Math.max(turned, from), to, state]];
}

export function pastOf(history: History): Past {
  const points = history.at.map((at, place): Point => {
    const value = (series: Series) => history[series][place] ?? null;
    return {
      at,
      people: value("people"),
      active: value("active"),
      sockets: value("sockets"),
      messages: value("messages"),
      requests: value("requests"),
      errors: value("errors"),
      answer_median: value("answer_median"),
      answer_p95: value("answer_p95"),
      lag: value("lag"),
    };
  });
  return { step: history.step, points, lanes: history.health };
}

/** What is kept of the past, and after it what was heard since, as closely as the range shows it. */
export function pointsOf(past: Past | null, live: Point[], range: Range, now: number): Point[] {
  const from = now - RANGES[range].keep;
  const step = range === "live" ? LIVE_STEP : (past?.step ?? 10);
  const firstLive = live[0]?.at ?? Number.POSITIVE_INFINITY;
  const before = past?.points ?? [];
  // Closer points take the place of those kept, where every one is shown.
  const points = before.filter((point) => point.at >= from && (range !== "live" || point.at < firstLive));
  let last = points.at(-1)?.at ?? Number.NEGATIVE_INFINITY;
  for (const point of live) {
    if (point.at < from || point.at < last + step * 0.75) continue;
    points.push(point);
    last = point.at;
  }
  const newest = live.at(-1);
  if (newest && newest.at > last) points.push(newest);
  return points;
}

/** The distance above which two points are not joined. */
export function gapOf(past: Past | null): number {
  return (past?.step ?? 10) * 2.5;
}

/** The lanes of the past and after them what was heard since, in the range. Today's workers come first. */
export function lanesOf(past: Past | null, kept: Kept, from: number, to: number): Lane[] {
  const step = past?.step ?? 10;
  const gap = step * 2;
  const lanes = new Map((past?.lanes ?? []).map(({ name, spans }) => [name, untilSample(spans, step)]));
  for (const [name, heard] of Object.entries(kept.spans))
    lanes.set(
      name,
      heard.reduce((spans, span) => join(spans, span, gap), lanes.get(name) ?? []),
    );
  const order = new Map((kept.snapshot?.workers ?? []).map(({ name }, place) => [name, place]));
  return [...lanes]
    .map(([name, spans]) => ({ name, spans: clip(spans, from, to) }))
    .filter((lane) => lane.spans.length > 0)
    .sort((a, b) => (order.get(a.name) ?? 999) - (order.get(b.name) ?? 999) || a.name.localeCompare(b.name));
}

/** A span lasts from its first sample to a step after its last one; what was heard meanwhile counts more. */
function untilSample(spans: Span[], step: number): Span[] {
  const last = spans.at(-1);
  return last ? [...spans.slice(0, -1), [last[0], Math.max(last[0], last[1] - step), last[2]]] : [];
}

function clip(spans: Span[], from: number, to: number): Span[] {
  return spans
    .filter(([begin, end]) => end > from && begin <= to)
    .map(([begin, end, state]): Span => [Math.max(begin, from), Math.min(end, to), state]);
}

/** The share of the time that is known in which the worker could serve. */
export function shareReady(spans: Span[]): number | null {
  let known = 0;
  let ready = 0;
  for (const [from, to, state] of spans) {
    // Not yet expected to serve, or no longer; a start after it has served is time that is missing.
    if (state === "warm" || state === "stopped" || (state === "starting" && known === 0)) continue;
    known += to - from;
    if (state === "ready" || state === "degraded" || state === "draining") ready += to - from;
  }
  return known > 0 ? ready / known : null;
}

export type Mood = "good" | "uneasy" | "bad";

export const MOODS: Record<WorkerState, Mood | "idle"> = {
  ready: "good",
  degraded: "uneasy",
  draining: "uneasy",
  warm: "idle",
  starting: "uneasy",
  stopping: "uneasy",
  stopped: "idle",
  deaf: "bad",
  failed: "bad",
};

export function moodOfState(state: WorkerState): Mood | "idle" {
  return MOODS[state] ?? "uneasy";
}

/** One sentence about everything, and how bad it is. */
export function judge({ figures, workers, fleet, checks }: Snapshot): { mood: Mood; text: string } {
  const failed = workers.filter((worker) => moodOfState(worker.state) === "bad");
  const open = (fleet.alarms ?? []).filter((alarm) => !alarm.until);
  if (failed.length > 0)
    return {
      mood: "bad",
      text: `${failed.map((worker) => worker.name).join(", ")} ${failed.length > 1 ? "are" : "is"} out of service`,
    };
  if (figures.ready === 0) return { mood: "bad", text: "No worker is ready" };
  if (fleet.rollout) return { mood: "uneasy", text: "A rollout is under way" };
  if (figures.ready < figures.wanted)
    return { mood: "uneasy", text: `${figures.ready} of ${figures.wanted} workers are ready` };
  if (open.length > 0)
    return { mood: "uneasy", text: open.length === 1 ? "One alarm is open" : `${open.length} alarms are open` };
  const ill = Object.entries(checks).filter(([, word]) => word !== "ok");
  if (ill.length > 0) return { mood: "uneasy", text: ill.map(([name, word]) => `${name}: ${word}`).join(", ") };
  if (fleet.state === "silent") return { mood: "uneasy", text: "The supervisor does not answer" };
  return { mood: "good", text: "Everything is running well" };
}
