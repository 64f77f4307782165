/** From figures to lines: scales, ticks and paths. Pure. */
import type { Point, Series } from "./model";

export interface Scale {
  from: number;
  to: number;
  width: number;
  top: number;
  height: number;
  most: number;
}

/** Half of each is round, too. */
const STEPS = [1, 2, 4, 6, 8, 10];

/** The next round number at or above the largest value. `least` keeps noise from filling the chart. */
export function niceMost(largest: number, least: number): number {
  const wanted = Math.max(largest, least);
  const size = 10 ** Math.floor(Math.log10(wanted));
  return (STEPS.find((step) => step * size >= wanted * 0.999) ?? 10) * size;
}

export function largestOf(points: Point[], series: Series[]): number {
  let largest = 0;
  for (const point of points) for (const name of series) largest = Math.max(largest, point[name] ?? 0);
  return largest;
}

export const xOf = (scale: Scale, at: number) => ((at - scale.from) / (scale.to - scale.from)) * scale.width;
export const yOf = (scale: Scale, value: number) =>
  scale.top + scale.height - (Math.min(value, scale.most) / scale.most) * scale.height;

const round = (value: number) => Math.round(value * 10) / 10;

/** Runs of points that are near enough to be joined. */
export function runsOf(points: Point[], series: Series, gap: number): Point[][] {
  const runs: Point[][] = [];
  let run: Point[] = [];
  for (const point of points) {
    const last = run.at(-1);
    if (point[series] === null || (last && point.at - last.at > gap)) {
      if (run.length) runs.push(run);
      run = [];
    }
    if (point[series] !== null) run.push(point);
  }
  if (run.length) runs.push(run);
  return runs;
}

/** The line through the points, broken where some are missing; and the area below it. */
export function pathsOf(points: Point[], series: Series, scale: Scale, gap: number): { line: string; area: string } {
  const bottom = scale.top + scale.height;
  let line = "";
  let area = "";
  for (const run of runsOf(points, series, gap)) {
    const places = run.map((point) => `${round(xOf(scale, point.at))},${round(yOf(scale, point[series] ?? 0))}`);
    const [first, last] = [run[0] as Point, run.at(-1) as Point];
    // A point alone is a dot: a line of no length with a round end.
    line += `M${places.join("L")}${run.length === 1 ? "h0.01" : ""}`;
    area += `M${round(xOf(scale, first.at))},${bottom}L${places.join("L")}L${round(xOf(scale, last.at))},${bottom}Z`;
  }
  return { line, area };
}

const TICK_STEPS = [60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800];

/** Round moments of local time in the range, at most `most` of them. */
export function ticksOf(from: number, to: number, most: number): number[] {
  const step = TICK_STEPS.find((one) => (to - from) / one <= most) ?? 172_800;
  const offset = new Date(to * 1000).getTimezoneOffset() * 60;
  const ticks: number[] = [];
  for (let at = Math.ceil((from - offset) / step) * step + offset; at <= to; at += step) ticks.push(at);
  return ticks;
}

/** The point nearest to a moment, if one is within `gap`. */
export function nearest(points: Point[], at: number, gap: number): Point | null {
  let found: Point | null = null;
  for (const point of points) if (!found || Math.abs(point.at - at) < Math.abs(found.at - at)) found = point;
  return found && Math.abs(found.at - at) <= gap ? found : null;
}
