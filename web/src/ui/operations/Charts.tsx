import { useState } from "react";
import { Chart, type Line } from "./Chart";
import { count, hoverOf, rate, span } from "./format";
import { gapOf, type Past, type Point, pointsOf, RANGES, type Range } from "./model";

const ACCENT = "var(--chart)";
const SECOND = "var(--chart-2)";
const BAD = "var(--danger)";

interface Drawing {
  title: string;
  lines: Line[];
  least: number;
  format: (value: number | null) => string;
}

const CHARTS: Drawing[] = [
  {
    title: "People online",
    lines: [
      { series: "people", label: "online", colour: ACCENT, area: true },
      { series: "active", label: "active", colour: SECOND },
    ],
    least: 4,
    format: count,
  },
  {
    title: "Open sockets",
    lines: [{ series: "sockets", label: "sockets", colour: ACCENT, area: true }],
    least: 4,
    format: count,
  },
  {
    title: "Messages a second",
    lines: [{ series: "messages", label: "messages", colour: ACCENT, area: true }],
    least: 1,
    format: rate,
  },
  {
    title: "Time to answer",
    lines: [
      { series: "answer_p95", label: "95 %", colour: ACCENT, area: true },
      { series: "answer_median", label: "median", colour: SECOND },
    ],
    least: 0.01,
    format: span,
  },
  {
    title: "Event loop late by",
    lines: [{ series: "lag", label: "lag", colour: ACCENT, area: true }],
    least: 0.02,
    format: span,
  },
  {
    title: "Requests a second",
    lines: [
      { series: "requests", label: "requests", colour: ACCENT, area: true },
      { series: "errors", label: "failed", colour: BAD },
    ],
    least: 1,
    format: rate,
  },
];

interface Props {
  past: Past | null;
  live: Point[];
  range: Range;
  now: number;
  asTable: boolean;
}

/** The figures over time, with one crosshair through all of them; or the same as a table. */
export function Charts({ past, live, range, now, asTable }: Props) {
  const [hover, setHover] = useState<number | null>(null);
  const points = pointsOf(past, live, range, now);
  const { keep, name } = RANGES[range];
  if (asTable) return <Table points={points} keep={keep} name={name} />;
  return (
    <div className="grid grid-cols-2 gap-px overflow-hidden rounded-lg bg-line ring-1 ring-line xl:grid-cols-3 max-md:-mx-2 [&>*]:bg-canvas">
      {CHARTS.map((chart) => (
        <Chart
          key={chart.title}
          {...chart}
          points={points}
          from={now - keep}
          to={now}
          gap={gapOf(past)}
          hover={hover}
          onHover={setHover}
          range={name}
        />
      ))}
    </div>
  );
}

const ROWS = 60;

/** As many moments as can be read, evenly chosen, the newest first. */
function Table({ points, keep, name }: { points: Point[]; keep: number; name: string }) {
  const every = Math.max(1, Math.ceil(points.length / ROWS));
  const rows = points.filter((_, place) => (points.length - 1 - place) % every === 0).reverse();
  return (
    <section
      className="max-h-96 overflow-auto rounded-lg ring-1 ring-line"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable
      tabIndex={0}
      aria-label={`Figures of the ${name}`}
    >
      <table className="w-full text-right text-sm tabular-nums">
        <caption className="sr-only">Figures of the {name}</caption>
        <thead className="sticky top-0 bg-sunken text-xs text-ink-3">
          <tr>
            <th scope="col" className="py-2 pr-3 pl-4 text-left font-medium">
              Time
            </th>
            {CHARTS.flatMap(({ title, lines }) =>
              lines.map((line, place) => (
                <th key={line.series} scope="col" className="px-3 py-2 font-medium">
                  {place === 0 ? title : line.label}
                </th>
              )),
            )}
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {rows.map((point) => (
            <tr key={point.at}>
              <th scope="row" className="py-1 pr-3 pl-4 text-left font-normal whitespace-nowrap text-ink-2">
                {hoverOf(point.at, keep)}
              </th>
              {CHARTS.flatMap(({ lines, format }) =>
                lines.map((line) => (
                  <td key={line.series} className="px-3 py-1 whitespace-nowrap">
                    {format(point[line.series])}
                  </td>
                )),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
