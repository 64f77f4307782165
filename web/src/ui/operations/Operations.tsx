import { BellRing, Table2 } from "lucide-react";
import { useState } from "react";
import { Redirect } from "wouter";
import type { Fleet, Host, Snapshot } from "../../core/operations";
import { useNow } from "../lib/hooks";
import { isAdmin } from "../lib/rooms";
import { Button } from "../parts/Button";
import { useStore } from "../store";
import { Charts } from "./Charts";
import { Errors } from "./Errors";
import { bytes, duration, percent, rate } from "./format";
import { Health } from "./Health";
import { judge, lanesOf, type Mood, RANGES, type Range } from "./model";
import { Choice, Dot, Section } from "./parts";
import { Alarms, Rollouts } from "./Rollouts";
import { useOperations } from "./use-operations";
import { Workers } from "./Workers";

/** How everything runs, for owners and admins. */
export default function Operations() {
  const admin = useStore(isAdmin);
  return admin ? <Page /> : <Redirect to="/" replace />;
}

function Page() {
  const [range, setRange] = useState<Range>("live");
  const [asTable, setAsTable] = useState(false);
  const { kept, past, now, problem } = useOperations(range);
  const { snapshot } = kept;
  return (
    <main className="min-h-0 min-w-0 grow overflow-y-auto">
      <div className="mx-auto max-w-[84rem] px-4 py-6 md:px-8 md:py-8">
        <header className="flex flex-wrap items-end gap-x-6 gap-y-3">
          <div className="min-w-0 grow basis-80">
            <h1 className="text-2xl tracking-tight">Operations</h1>
            <Summary snapshot={snapshot} heardAt={kept.heardAt} problem={problem} />
          </div>
          <div className="flex items-center gap-2">
            <Choice<Range>
              label="Range of time"
              value={range}
              options={(Object.keys(RANGES) as Range[]).map((key) => [key, RANGES[key].label])}
              onChoose={setRange}
            />
            <Button small look="quiet" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
              <Table2 size={16} strokeWidth={1.75} aria-hidden="true" />
              {asTable ? "Charts" : "Table"}
            </Button>
          </div>
        </header>
        {snapshot ? (
          <>
            <OpenAlarms fleet={snapshot.fleet} />
            <div className="mt-5">
              <Charts past={past} live={kept.live} range={range} now={now} asTable={asTable} />
            </div>
            <Section title="Workers" aside={<Ready snapshot={snapshot} />}>
              <Workers workers={snapshot.workers} trails={kept.trails} node={snapshot.node} />
              {snapshot.fleet.state === "none" && <Alone />}
            </Section>
            <Section title="Health" aside={<Checks checks={snapshot.checks} />}>
              <Health
                lanes={lanesOf(past, kept, now - RANGES[range].keep, now)}
                from={now - RANGES[range].keep}
                to={now}
              />
            </Section>
            <Machine host={snapshot.fleet.host ?? {}} />
            {snapshot.fleet.state !== "none" && (
              <div className="grid gap-x-10 lg:grid-cols-2">
                <Section title="Rollouts">
                  <Rollouts rollouts={withRunning(snapshot.fleet)} />
                </Section>
                <Section title="Alarms">
                  <Alarms alarms={snapshot.fleet.alarms ?? []} />
                </Section>
              </div>
            )}
            <Errors />
          </>
        ) : (
          <div className="mt-6 grid gap-4 sm:grid-cols-2 xl:grid-cols-3" aria-busy={problem === ""}>
            {[1, 2, 3, 4, 5, 6].map((place) => (
              <div key={place} className="skeleton h-48" />
            ))}
          </div>
        )}
      </div>
    </main>
  );
}

/** The running one is the newest. */
function withRunning({ rollout, rollouts = [] }: Fleet) {
  return rollout && !rollouts.some((one) => one.id === rollout.id) ? [rollout, ...rollouts] : rollouts;
}

const SILENT_SECONDS = 8;

function Summary({ snapshot, heardAt, problem }: { snapshot: Snapshot | null; heardAt: number; problem: string }) {
  const online = useStore((state) => state.connection.state === "online");
  const now = useNow(1_000, true) / 1000;
  if (!snapshot) return <p className="mt-1 text-sm text-ink-3">{problem || "Asking the server…"}</p>;
  const { mood, text } = judge(snapshot);
  const silent = now - heardAt > SILENT_SECONDS;
  const { fleet, version, environment } = snapshot;
  const facts = [fleet.release || version, environment];
  return (
    <p className="mt-1 flex flex-wrap items-center gap-x-2 text-sm text-ink-3" role="status">
      <Dot mood={silent ? "idle" : mood} />
      <span className={`font-medium ${INK[mood]}`}>{text}</span>
      <span>{facts.map((fact) => `· ${fact}`).join(" ")}</span>
      {silent && (
        <span className="text-caution-ink">
          · {online ? "no figures" : "not connected"} for {duration(now - heardAt)}
        </span>
      )}
    </p>
  );
}

const INK: Record<Mood, string> = { good: "text-ink", uneasy: "text-caution-ink", bad: "text-danger-ink" };

function OpenAlarms({ fleet }: { fleet: Fleet }) {
  const open = (fleet.alarms ?? []).filter((alarm) => !alarm.until);
  if (open.length === 0 && fleet.state !== "silent") return null;
  return (
    <ul
      className="mt-4 divide-y divide-line rounded-lg bg-danger-soft px-4 text-sm text-danger-ink"
      aria-label="Open alarms"
    >
      {fleet.state === "silent" && (
        <li className="flex items-center gap-3 py-2.5">
          <BellRing size={16} aria-hidden="true" className="shrink-0" />
          The supervisor does not answer. The workers go on; what is said of them is what it said last.
        </li>
      )}
      {open.map((alarm) => (
        <li key={`${alarm.name} ${alarm.about}`} className="flex items-center gap-3 py-2.5">
          <BellRing size={16} aria-hidden="true" className="shrink-0" />
          <span className="min-w-0 grow break-words">{alarm.text}</span>
          <span className="shrink-0 text-xs">{alarm.about}</span>
        </li>
      ))}
    </ul>
  );
}

function Ready({ snapshot: { figures } }: { snapshot: Snapshot }) {
  return (
    <span className="text-sm text-ink-3 tabular-nums">
      {figures.ready > figures.wanted
        ? `${figures.ready} ready, ${figures.wanted} wanted`
        : `${figures.ready} of ${figures.wanted} ready`}
    </span>
  );
}

/** What this worker needs: database, bus and the like. */
function Checks({ checks }: { checks: Record<string, string> }) {
  return (
    <ul className="flex flex-wrap gap-x-3 gap-y-1 text-xs text-ink-2" aria-label="Checks">
      {Object.entries(checks).map(([name, word]) => (
        <li key={name} className="inline-flex items-center gap-1.5">
          <Dot mood={word === "ok" ? "good" : word === "failed" ? "bad" : "uneasy"} />
          {name} {word}
        </li>
      ))}
    </ul>
  );
}

function Machine({ host }: { host: Host }) {
  const share = (used?: number, total?: number) => (used === undefined || !total ? null : used / total);
  const meters: [string, number | null, string][] = [
    ["CPU", host.cpu ?? null, percent(host.cpu)],
    ["Memory", share(host.memory_used, host.memory_total), `${bytes(host.memory_used)} of ${bytes(host.memory_total)}`],
    ["Disk", share(host.disk_used, host.disk_total), `${bytes(host.disk_used)} of ${bytes(host.disk_total)}`],
  ];
  const facts: [string, string][] = [
    ["Network in", `${bytes(host.network_in)}/s`],
    ["Network out", `${bytes(host.network_out)}/s`],
    ["Load", rate(host.load)],
  ];
  return (
    <Section title="Machine">
      <dl className="grid grid-cols-2 gap-x-8 gap-y-4 border-y border-line py-4 sm:grid-cols-3 xl:grid-cols-6">
        {meters.map(([name, value, text]) => (
          <div key={name} className="min-w-0">
            <dt className="text-xs text-ink-3">{name}</dt>
            <dd>
              <span className="block truncate text-sm tabular-nums">{text}</span>
              <span className="mt-1.5 block h-1 overflow-hidden rounded-full bg-pressed" aria-hidden="true">
                <span
                  className={`block h-full rounded-full ${(value ?? 0) > 0.9 ? "bg-danger" : "bg-[var(--chart)]"}`}
                  style={{ width: `${Math.min(1, value ?? 0) * 100}%` }}
                />
              </span>
            </dd>
          </div>
        ))}
        {facts.map(([name, text]) => (
          <div key={name}>
            <dt className="text-xs text-ink-3">{name}</dt>
            <dd className="text-sm tabular-nums">{text}</dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}

function Alone() {
  return (
    <p className="mt-3 max-w-prose text-sm text-ink-2">
      This process runs by itself: nothing starts it again, and a new version means a pause. On a server,{" "}
      <code className="rounded-sm bg-hover px-1 py-0.5 font-mono text-xs">hubbub fleet up</code> runs several behind one
      address, keeps them running and replaces them one by one.
    </p>
  );
}
