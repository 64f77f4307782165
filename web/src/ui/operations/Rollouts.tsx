import { ArrowRight, BellRing, CircleCheck, CircleX, LoaderCircle, Undo2 } from "lucide-react";
import type { Alarm, Rollout } from "../../core/operations";
import { fromNow } from "../lib/time";
import { duration, momentOf } from "./format";
import { Nothing } from "./parts";

const SIGNS = {
  done: [CircleCheck, "text-present"],
  failed: [CircleX, "text-danger-ink"],
  "rolled back": [Undo2, "text-caution-ink"],
  "": [LoaderCircle, "text-accent-ink"],
} as const;

const ago = (at: number) => fromNow(new Date(at * 1000).toISOString());

export function Rollouts({ rollouts }: { rollouts: Rollout[] }) {
  if (rollouts.length === 0)
    return (
      <Nothing>
        None yet. <code className="font-mono text-xs">hubbub fleet reload</code> brings a new version in.
      </Nothing>
    );
  return (
    <ol className="divide-y divide-line border-y border-line">
      {rollouts.map((rollout) => {
        const [Sign, colour] = SIGNS[rollout.outcome] ?? SIGNS[""];
        return (
          <li key={rollout.id} className="flex gap-3 py-2.5 text-sm">
            <Sign size={18} strokeWidth={1.75} aria-hidden="true" className={`mt-px shrink-0 ${colour}`} />
            <div className="min-w-0 grow">
              <p className="flex flex-wrap items-center gap-x-1.5">
                {rollout.of !== rollout.to && (
                  <>
                    <span className="truncate text-ink-2">{rollout.of || "the first"}</span>
                    <ArrowRight size={14} aria-label="to" className="text-ink-3" />
                  </>
                )}
                <span className="truncate font-medium">{rollout.to || "The same release anew"}</span>
              </p>
              <p className="text-xs text-ink-3">
                {rollout.outcome || rollout.step || "under way"} · by {rollout.who} ·{" "}
                <time dateTime={new Date(rollout.started_at * 1000).toISOString()} title={momentOf(rollout.started_at)}>
                  {ago(rollout.started_at)}
                </time>
                {rollout.ended_at > 0 && ` · took ${duration(rollout.ended_at - rollout.started_at)}`}
              </p>
              {rollout.reason && <p className="mt-0.5 text-xs break-words text-ink-2">{rollout.reason}</p>}
            </div>
          </li>
        );
      })}
    </ol>
  );
}

export function Alarms({ alarms }: { alarms: Alarm[] }) {
  if (alarms.length === 0) return <Nothing>No alarm since the fleet was started.</Nothing>;
  return (
    <ul className="divide-y divide-line border-y border-line">
      {alarms.map((alarm) => (
        <li key={`${alarm.name} ${alarm.about} ${alarm.since}`} className="flex gap-3 py-2.5 text-sm">
          <BellRing
            size={18}
            strokeWidth={1.75}
            aria-hidden="true"
            className={`mt-px shrink-0 ${alarm.until ? "text-ink-3" : "text-danger-ink"}`}
          />
          <div className="min-w-0 grow">
            <p className={`break-words ${alarm.until ? "text-ink-2" : "font-medium"}`}>{alarm.text}</p>
            <p className="text-xs text-ink-3">
              {alarm.name}
              {alarm.about && ` · ${alarm.about}`} ·{" "}
              <time dateTime={new Date(alarm.since * 1000).toISOString()} title={momentOf(alarm.since)}>
                {ago(alarm.since)}
              </time>
              {alarm.until ? ` · over after ${duration(alarm.until - alarm.since)}` : " · open"}
            </p>
          </div>
        </li>
      ))}
    </ul>
  );
}
