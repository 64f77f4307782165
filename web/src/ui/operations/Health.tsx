import { useRef } from "react";
import type { WorkerState } from "../../core/operations";
import { useWidth } from "./Chart";
import { availability, hoverOf, tickOf } from "./format";
import { ticksOf } from "./geometry";
import { type Lane, moodOfState, shareReady } from "./model";
import { Nothing } from "./parts";

const LANE = 12;
const FILLS: Record<ReturnType<typeof moodOfState>, string> = {
  good: "var(--present)",
  uneasy: "var(--caution)",
  bad: "var(--danger)",
  idle: "var(--line-strong)",
};
const LEGEND: [ReturnType<typeof moodOfState>, string][] = [
  ["good", "ready"],
  ["uneasy", "starting, draining or degraded"],
  ["bad", "failed or deaf"],
  ["idle", "kept for a way back, or stopped"],
];

/** Who could serve when: a lane for each process, and the share of its time in which it was ready. */
export function Health({ lanes, from, to }: { lanes: Lane[]; from: number; to: number }) {
  if (lanes.length === 0) return <Nothing>Nothing was recorded yet. A state is noted every ten seconds.</Nothing>;
  return (
    <>
      <div className="border-y border-line py-3">
        {lanes.map((lane) => (
          <Track key={lane.name} lane={lane} from={from} to={to} />
        ))}
        <Axis from={from} to={to} />
      </div>
      <ul className="mt-2 flex flex-wrap gap-x-4 gap-y-1 text-2xs text-ink-3">
        {LEGEND.map(([mood, text]) => (
          <li key={mood} className="inline-flex items-center gap-1.5">
            <span
              aria-hidden="true"
              className="h-2 w-3 rounded-xs"
              style={{ background: FILLS[mood], opacity: mood === "good" ? 0.5 : 1 }}
            />
            {text}
          </li>
        ))}
      </ul>
    </>
  );
}

const COLUMNS = "grid grid-cols-[5.5rem_1fr_4rem] items-center gap-3 md:grid-cols-[9rem_1fr_4.5rem]";

function Track({ lane, from, to }: { lane: Lane; from: number; to: number }) {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const place = (at: number) => ((at - from) / (to - from)) * width;
  const share = shareReady(lane.spans);
  return (
    <div className={`${COLUMNS} py-0.5`} data-lane={lane.name}>
      <span className="truncate text-sm">{lane.name}</span>
      <div ref={box} className="h-3">
        <svg width={width} height={LANE} role="img" aria-label={tellOf(lane, to - from)} className="block">
          <rect width={width} height={LANE} rx={3} fill="var(--hover)" />
          {lane.spans.map(([begin, end, state]) => (
            <rect
              key={`${begin}${state}`}
              x={place(begin)}
              width={Math.max(1.5, place(end) - place(begin))}
              height={LANE}
              rx={2}
              fill={FILLS[moodOfState(state)]}
              opacity={state === "ready" ? 0.5 : 1}
            >
              <title>{`${state}, ${hoverOf(begin, to - from)} to ${hoverOf(end, to - from)}`}</title>
            </rect>
          ))}
        </svg>
      </div>
      <span className="text-right text-xs text-ink-2 tabular-nums">{availability(share)}</span>
    </div>
  );
}

function tellOf({ name, spans }: Lane, range: number): string {
  const share = shareReady(spans);
  const other = spans.filter(([, , state]) => state !== "ready").slice(-5);
  const told = other.map(
    ([from, to, state]: [number, number, WorkerState]) =>
      `${state} from ${hoverOf(from, range)} to ${hoverOf(to, range)}`,
  );
  return [`${name}: ready ${availability(share)} of the time`, ...told].join("; ");
}

function Axis({ from, to }: { from: number; to: number }) {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const ticks = ticksOf(from, to, Math.max(2, Math.floor(width / 90)));
  return (
    <div className={COLUMNS} aria-hidden="true">
      <span />
      <div ref={box} className="h-4">
        <svg width={width} height={16} aria-hidden="true" className="block overflow-visible" fill="var(--ink-3)">
          {ticks.map((at) => {
            const x = ((at - from) / (to - from)) * width;
            return (
              <text
                key={at}
                x={x}
                y={12}
                fontSize={10}
                textAnchor={x < 24 ? "start" : x > width - 24 ? "end" : "middle"}
              >
                {tickOf(at, to - from)}
              </text>
            );
          })}
        </svg>
      </div>
      <span />
    </div>
  );
}
