import type { Worker } from "../../core/operations";
import { usePhone } from "../lib/hooks";
import { plural } from "../lib/names";
import { bytes, count, duration, percent, rate, span } from "./format";
import { State } from "./parts";

interface Props {
  workers: Worker[];
  trails: Record<string, number[]>;
  /** The node that this page is connected to. */
  node: string;
}

/** Every process, in a row each; on a phone, in a block each. */
export function Workers({ workers, trails, node }: Props) {
  const phone = usePhone();
  if (phone)
    return (
      <ul className="divide-y divide-line border-y border-line">
        {workers.map((worker) => (
          <Block key={worker.name} worker={worker} trail={trails[worker.name] ?? []} here={worker.name === node} />
        ))}
      </ul>
    );
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable
    <section className="overflow-x-auto" tabIndex={0} aria-label="Table of workers">
      <table className="w-full text-right text-sm tabular-nums">
        <thead className="border-b border-line text-xs text-ink-3">
          <tr className="[&>th]:px-3 [&>th]:py-2 [&>th]:font-medium [&>th]:whitespace-nowrap [&>th:first-child]:pl-0 [&>th:last-child]:pr-0">
            <th scope="col" className="text-left">
              Worker
            </th>
            <th scope="col" className="text-left">
              State
            </th>
            <th scope="col" className="text-left">
              Release
            </th>
            <th scope="col">Uptime</th>
            <th scope="col">Restarts</th>
            <th scope="col" className="text-left">
              CPU
            </th>
            <th scope="col">Memory</th>
            <th scope="col">Loop lag</th>
            <th scope="col">Answers in</th>
            <th scope="col">Requests/s</th>
            <th scope="col">Sockets</th>
          </tr>
        </thead>
        <tbody className="divide-y divide-line border-b border-line">
          {workers.map((worker) => (
            <Row key={worker.name} worker={worker} trail={trails[worker.name] ?? []} here={worker.name === node} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

interface One {
  worker: Worker;
  trail: number[];
  here: boolean;
}

function Row({ worker, trail, here }: One) {
  const why = whyOf(worker);
  return (
    <tr
      data-worker={worker.name}
      className="hover:bg-hover [&>*]:px-3 [&>*]:py-2 [&>*]:whitespace-nowrap [&>*:first-child]:pl-0 [&>*:last-child]:pr-0"
    >
      <th scope="row" className="text-left font-medium">
        <Name worker={worker} here={here} />
      </th>
      <td className="text-left">
        <span className="flex items-center gap-2">
          <State state={worker.state} />
          {why && (
            <span className="max-w-56 truncate text-xs text-ink-3" title={why}>
              {why}
            </span>
          )}
        </span>
      </td>
      <td className="text-left text-ink-2">
        <span className="inline-block max-w-44 truncate align-bottom">{worker.release || "–"}</span>
      </td>
      <td>{duration(worker.uptime)}</td>
      <td className={worker.restarts ? "text-caution-ink" : "text-ink-3"}>{count(worker.restarts)}</td>
      <td className="text-left">
        <span className="flex items-center gap-2">
          <Spark values={trail} />
          <span className="w-11 text-right">{percent(worker.cpu)}</span>
        </span>
      </td>
      <td data-memory="">{bytes(worker.memory)}</td>
      <td className={(worker.lag ?? 0) >= 0.2 ? "text-danger-ink" : ""}>{span(worker.lag)}</td>
      <td>{span(worker.answer_p95)}</td>
      <td>{rate(worker.requests_per_second)}</td>
      <td className="font-medium" data-sockets="">
        {count(worker.sockets)}
      </td>
    </tr>
  );
}

function Block({ worker, trail, here }: One) {
  const why = whyOf(worker);
  const facts = [
    worker.sockets === null || worker.sockets === undefined ? "" : plural(worker.sockets, "socket"),
    bytes(worker.memory),
    worker.lag === null ? "" : `lag ${span(worker.lag)}`,
    worker.uptime === null ? "" : `up ${duration(worker.uptime)}`,
    worker.restarts ? plural(worker.restarts, "restart") : "",
    worker.release,
  ];
  return (
    <li className="py-2.5 text-sm" data-worker={worker.name}>
      <div className="flex items-center gap-3">
        <span className="min-w-0 grow font-medium">
          <Name worker={worker} here={here} />
        </span>
        <State state={worker.state} />
        <Spark values={trail} />
        <span className="w-10 text-right tabular-nums">{percent(worker.cpu)}</span>
      </div>
      <p className="mt-0.5 flex flex-wrap gap-x-3 text-xs text-ink-3 tabular-nums">
        {facts.filter(Boolean).map((fact) => (
          <span key={fact} className="whitespace-nowrap">
            {fact}
          </span>
        ))}
      </p>
      {why && <p className="mt-0.5 text-xs break-words text-ink-2">{why}</p>}
    </li>
  );
}

const COLOURS: Record<string, string> = { blue: "bg-[var(--fleet-blue)]", green: "bg-[var(--fleet-green)]" };

function Name({ worker, here }: { worker: Worker; here: boolean }) {
  return (
    <span className="flex items-center gap-2">
      {worker.kind === "worker" && (
        <span aria-hidden="true" className={`h-4 w-1 rounded-full ${COLOURS[worker.colour] ?? "bg-line-strong"}`} />
      )}
      {worker.name}
      {worker.kind !== "worker" && <span className="text-xs font-normal text-ink-3">{worker.kind}</span>}
      {here && <span className="rounded-sm bg-accent-soft px-1 text-2xs font-medium text-accent-ink">yours</span>}
    </span>
  );
}

function whyOf({ reason, checks, state }: Worker): string {
  const ill = Object.entries(checks ?? {}).filter(([name]) => name !== "draining");
  if (ill.length > 0) return ill.map(([name, word]) => `${name}: ${word}`).join(", ");
  return state === "ready" ? "" : reason;
}

const WIDTH = 56;
const HEIGHT = 18;

/** The CPU of the last minute and a half. */
function Spark({ values }: { values: number[] }) {
  const most = Math.max(1, ...values);
  const step = WIDTH / 47;
  const from = WIDTH - (values.length - 1) * step;
  const places = values.map(
    (value, place) => `${(from + place * step).toFixed(1)},${(HEIGHT - 1 - (value / most) * (HEIGHT - 2)).toFixed(1)}`,
  );
  return (
    <svg width={WIDTH} height={HEIGHT} aria-hidden="true" className="shrink-0">
      <line x1={0} x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} stroke="var(--line)" />
      {places.length > 1 && <path d={`M${places.join("L")}`} fill="none" stroke="var(--chart)" strokeWidth={1.25} />}
    </svg>
  );
}
