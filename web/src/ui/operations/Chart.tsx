import { type PointerEvent, type ReactNode, type RefObject, useLayoutEffect, useMemo, useRef, useState } from "react";
import { hoverOf, tickOf } from "./format";
import { largestOf, nearest, niceMost, pathsOf, type Scale, ticksOf, xOf, yOf } from "./geometry";
import type { Point, Series } from "./model";

export interface Line {
  series: Series;
  label: string;
  /** A CSS colour. */
  colour: string;
  area?: boolean;
  dashed?: boolean;
}

interface Props {
  title: string;
  lines: Line[];
  points: Point[];
  from: number;
  to: number;
  gap: number;
  /** The axis goes at least so far. */
  least: number;
  format: (value: number | null) => string;
  hover: number | null;
  onHover: (at: number | null) => void;
  /** Said to who cannot see it: "last hour". */
  range: string;
}

const TALL = 132;
const LOW = 92;
const NARROW = 240;
const TOP = 10;
const BOTTOM = 20;

/** Lines over time, drawn by hand. The figure beside the title is the newest, or that under the crosshair. */
export function Chart({ title, lines, points, from, to, gap, least, format, hover, onHover, range }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const series = useMemo(() => lines.map((line) => line.series), [lines]);
  const largest = useMemo(() => largestOf(points, series), [points, series]);
  const most = niceMost(largest, least);
  const narrow = width < NARROW;
  const tall = narrow ? LOW : TALL;
  const scale: Scale = { from, to, width, top: TOP, height: tall - TOP - BOTTOM, most };
  const newest = points.at(-1) ?? null;
  const under = hover === null ? null : nearest(points, hover, gap);
  const shown = hover === null ? newest : under;
  const point = (event: PointerEvent) => {
    const bounds = event.currentTarget.getBoundingClientRect();
    onHover(from + ((event.clientX - bounds.left) / bounds.width) * (to - from));
  };
  const [main] = lines as [Line];
  const said = `${title}, ${range}: now ${format(newest?.[main.series] ?? null)}, at most ${format(largest)}`;
  return (
    <figure className="min-w-0 px-3 pt-3 pb-1 md:px-5 md:pb-2" data-chart={title}>
      <figcaption className="flex items-baseline gap-x-3">
        <h3 className="truncate text-sm font-medium text-ink-2">{title}</h3>
        {lines.length > 1 && !narrow && <Legend lines={lines} shown={shown} format={format} />}
        <span className="grow" />
        <span className="text-2xs whitespace-nowrap text-ink-3 tabular-nums max-sm:hidden" aria-hidden="true">
          {under ? hoverOf(under.at, to - from) : largest > 0 ? `max ${format(largest)}` : ""}
        </span>
      </figcaption>
      <p className="mt-0.5 flex items-baseline gap-3 overflow-hidden">
        <span className="text-xl leading-7 font-semibold tracking-tight whitespace-nowrap tabular-nums" data-figure="">
          {format(shown?.[main.series] ?? null)}
        </span>
        {lines.length > 1 && narrow && <Legend lines={lines.slice(1)} shown={shown} format={format} first={1} />}
      </p>
      <div
        ref={box}
        className="relative mt-1 touch-pan-y"
        style={{ height: tall }}
        onPointerMove={point}
        onPointerDown={point}
        onPointerLeave={() => onHover(null)}
      >
        {width > 0 && (
          <svg width={width} height={tall} role="img" aria-label={said} className="block overflow-visible">
            <Grid scale={scale} />
            <Drawn lines={lines} points={points} scale={scale} gap={gap} />
            <Labels scale={scale} format={format} />
            {shown &&
              lines.map(({ series: name, colour }) => {
                const value = shown[name];
                return (
                  value !== null && (
                    <circle
                      key={name}
                      cx={xOf(scale, shown.at)}
                      cy={yOf(scale, value)}
                      r={3}
                      fill={colour}
                      stroke="var(--canvas)"
                      strokeWidth={1.5}
                    />
                  )
                );
              })}
            {under && (
              <line
                x1={xOf(scale, under.at)}
                x2={xOf(scale, under.at)}
                y1={TOP - 4}
                y2={tall - BOTTOM}
                stroke="var(--ink-3)"
                strokeDasharray="2 3"
              />
            )}
          </svg>
        )}
        {points.length === 0 && (
          <p className="absolute inset-x-0 top-10 text-center text-xs text-ink-3">Nothing was recorded yet.</p>
        )}
      </div>
    </figure>
  );
}

interface LegendProps {
  lines: Line[];
  shown: Point | null;
  format: Props["format"];
  /** Which place among the chart's lines the first one has; the line in the first place has its figure elsewhere. */
  first?: number;
}

function Legend({ lines, shown, format, first = 0 }: LegendProps): ReactNode {
  return (
    <span className="flex flex-wrap gap-x-3 text-2xs text-ink-3 tabular-nums">
      {lines.map(({ series, label, colour, dashed }, place) => (
        <span key={series} className="inline-flex items-center gap-1 whitespace-nowrap">
          <svg width="12" height="8" aria-hidden="true">
            <path d="M0 4H12" stroke={colour} strokeWidth="2" strokeDasharray={dashed ? "3 2" : undefined} />
          </svg>
          {label}
          {place + first > 0 && <span className="text-ink-2">{format(shown?.[series] ?? null)}</span>}
        </span>
      ))}
    </span>
  );
}

const SHARES = [1, 0.5];
const levelOf = (scale: Scale, share: number) => scale.top + scale.height * (1 - share);

function Grid({ scale }: { scale: Scale }) {
  const bottom = scale.top + scale.height;
  return (
    <g stroke="var(--line)">
      {SHARES.map((share) => (
        <line key={share} x1={0} x2={scale.width} y1={levelOf(scale, share)} y2={levelOf(scale, share)} />
      ))}
      <line x1={0} x2={scale.width} y1={bottom} y2={bottom} stroke="var(--line-strong)" />
    </g>
  );
}

function Labels({ scale, format }: { scale: Scale; format: Props["format"] }) {
  const bottom = scale.top + scale.height;
  const range = scale.to - scale.from;
  const ticks = ticksOf(scale.from, scale.to, Math.max(2, Math.floor(scale.width / 80)));
  return (
    <g fill="var(--ink-3)" fontSize={10}>
      {SHARES.map((share) => (
        <text
          key={share}
          x={0}
          y={levelOf(scale, share) - 3}
          stroke="var(--canvas)"
          strokeWidth={3}
          strokeOpacity={0.8}
          paintOrder="stroke"
        >
          {format(scale.most * share)}
        </text>
      ))}
      {ticks.map((at) => {
        const x = xOf(scale, at);
        const anchor = x < 24 ? "start" : x > scale.width - 24 ? "end" : "middle";
        return (
          <text key={at} x={x} y={bottom + 14} textAnchor={anchor}>
            {tickOf(at, range)}
          </text>
        );
      })}
    </g>
  );
}

interface DrawnProps {
  lines: Line[];
  points: Point[];
  scale: Scale;
  gap: number;
}

function Drawn({ lines, points, scale, gap }: DrawnProps) {
  const { from, to, width, top, height, most } = scale;
  const paths = useMemo(
    () => lines.map((line) => pathsOf(points, line.series, { from, to, width, top, height, most }, gap)),
    [lines, points, gap, from, to, width, top, height, most],
  );
  const drawn = lines.map((line, place) => ({ line, path: paths[place] }));
  // The line that the title names lies on top.
  return drawn.reverse().map(({ line, path }) => (
    <g key={line.series}>
      {line.area && <path d={path?.area} fill={line.colour} opacity={0.1} />}
      <path
        d={path?.line}
        fill="none"
        stroke={line.colour}
        strokeWidth={1.5}
        strokeLinejoin="round"
        strokeLinecap="round"
        strokeDasharray={line.dashed ? "3 3" : undefined}
      />
    </g>
  ));
}

/** The element's width in pixels, as it changes. */
export function useWidth(box: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const measure = () => setWidth(Math.floor(element.getBoundingClientRect().width));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [box]);
  return width;
}
