import { ChevronRight } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import { type ErrorReport, loadErrors } from "../../core/operations";
import { fromNow, fullTime } from "../lib/time";
import { Button } from "../parts/Button";
import { messageOf } from "../state";
import { count } from "./format";
import { Choice, Nothing, Section } from "./parts";

type Source = "all" | ErrorReport["source"];

const REFRESH_MS = 10_000;

/** Errors by kind, those seen last first; each opens to where it came from. */
export function Errors() {
  const [first, setFirst] = useState<ErrorReport[] | null>(null);
  const [older, setOlder] = useState<ErrorReport[]>([]);
  const [next, setNext] = useState<string | null>(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const [source, setSource] = useState<Source>("all");
  const refresh = useCallback(async () => {
    try {
      const page = await loadErrors();
      setFirst(page.items);
      // Where further pages begin was fixed when the first of them was asked for.
      setOlder((known) => {
        if (known.length === 0) setNext(page.next);
        return known;
      });
      setProblem("");
    } catch (error) {
      setProblem(messageOf(error));
    }
  }, []);
  useEffect(() => {
    void refresh();
    const timer = setInterval(() => document.visibilityState === "visible" && void refresh(), REFRESH_MS);
    return () => clearInterval(timer);
  }, [refresh]);
  const more = async () => {
    if (next === null) return;
    setBusy(true);
    try {
      const page = await loadErrors(next);
      setOlder((known) => [...known, ...page.items]);
      setNext(page.next);
    } catch (error) {
      setProblem(messageOf(error));
    }
    setBusy(false);
  };
  const newest = first ?? [];
  const all = [...newest, ...older.filter((one) => !newest.some((other) => other.id === one.id))];
  const shown = all.filter((one) => source === "all" || one.source === source);
  return (
    <Section
      title="Recent errors"
      aside={
        <>
          <span className="grow" />
          <Choice<Source>
            label="Which errors"
            value={source}
            options={[
              ["all", "All"],
              ["server", "Server"],
              ["browser", "Browsers"],
            ]}
            onChoose={setSource}
          />
        </>
      }
    >
      {problem && (
        <p role="status" className="mb-2 text-sm text-danger-ink">
          {problem}
        </p>
      )}
      {first === null ? (
        <div className="skeleton h-16" aria-busy="true" />
      ) : shown.length === 0 ? (
        <Nothing>No error in the last thirty days.</Nothing>
      ) : (
        <ul className="divide-y divide-line border-y border-line">
          {shown.map((one) => (
            <Kind key={one.id} error={one} />
          ))}
        </ul>
      )}
      {next !== null && (
        <Button small className="mt-3" busy={busy} onClick={() => void more()}>
          Show older ones
        </Button>
      )}
    </Section>
  );
}

const LOOKS: Record<ErrorReport["source"], string> = {
  server: "bg-danger-soft text-danger-ink",
  browser: "bg-notice text-notice-ink",
};

function Kind({ error }: { error: ErrorReport }) {
  const facts: [string, string][] = [
    ["First seen", fullTime(error.first_at)],
    ["Last seen", fullTime(error.last_at)],
    ["Release", error.release],
    ["Where", error.place],
    ["Browser", error.browser],
    ["Worker", error.node],
    ["Request", error.request_id],
  ];
  return (
    <li data-error={error.source}>
      <details className="group">
        <summary className="flex list-none items-center gap-3 py-2 text-sm hover:bg-hover [&::-webkit-details-marker]:hidden">
          <ChevronRight
            size={16}
            aria-hidden="true"
            className="shrink-0 text-ink-3 transition-transform group-open:rotate-90"
          />
          <span
            className={`w-16 shrink-0 rounded-sm px-1.5 py-0.5 text-center text-2xs font-medium ${LOOKS[error.source]}`}
          >
            {error.source}
          </span>
          <span className="min-w-0 grow truncate font-mono text-xs">{error.message}</span>
          <span className="shrink-0 text-xs text-ink-3 max-sm:hidden">{fromNow(error.last_at)}</span>
          <span className="w-12 shrink-0 text-right font-medium tabular-nums">
            {count(error.count)}
            <span className="sr-only"> times</span>
            <span aria-hidden="true">×</span>
          </span>
        </summary>
        <div className="pb-4 pl-7">
          <p className="mb-2 font-mono text-xs break-words sm:hidden">{error.message}</p>
          <dl className="grid grid-cols-2 gap-x-6 gap-y-2 sm:grid-cols-3 lg:grid-cols-4">
            {facts
              .filter(([, value]) => value !== "")
              .map(([name, value]) => (
                <div key={name} className="min-w-0">
                  <dt className="text-2xs text-ink-3">{name}</dt>
                  <dd className="text-xs break-words">{value}</dd>
                </div>
              ))}
          </dl>
          {error.stack && (
            <pre className="mt-3 rounded-md bg-sunken p-3 font-mono text-xs leading-5 break-words whitespace-pre-wrap">
              {error.stack}
            </pre>
          )}
        </div>
      </details>
    </li>
  );
}
