import { useEffect, useRef, useState } from "react";
import { loadHistory, watchOperations } from "../../core/operations";
import { messageOf } from "../state";
import { hear, type Kept, NOTHING, type Past, pastOf, RANGES, type Range } from "./model";

const now = () => Date.now() / 1000;
/** The past is asked for again so often: what was heard meanwhile is drawn from memory. */
const AGAIN_MS = 120_000;

export interface Watched {
  kept: Kept;
  past: Past | null;
  /** Seconds since the epoch by the server's clock, as of the last snapshot or a little later. */
  now: number;
  problem: string;
}

/** Follows the figures while the page is there. */
export function useOperations(range: Range): Watched {
  const [kept, setKept] = useState<Kept>(NOTHING);
  const [problem, setProblem] = useState("");
  useEffect(
    () =>
      watchOperations(
        (snapshot) => {
          setKept((before) => hear(before, snapshot, now()));
          setProblem("");
        },
        (error) => setProblem(messageOf(error)),
      ),
    [],
  );
  const past = usePast(RANGES[range].hours, setProblem);
  const last = kept.live.at(-1)?.at ?? past?.points.at(-1)?.at ?? now();
  return { kept, past, now: last, problem };
}

function usePast(hours: number, failed: (problem: string) => void): Past | null {
  const [past, setPast] = useState<{ hours: number; past: Past } | null>(null);
  const tell = useRef(failed);
  tell.current = failed;
  useEffect(() => {
    let current = true;
    const load = () => {
      if (document.visibilityState !== "visible") return;
      loadHistory(hours).then(
        (history) => current && setPast({ hours, past: pastOf(history) }),
        (error: unknown) => current && tell.current(messageOf(error)),
      );
    };
    load();
    const timer = setInterval(load, AGAIN_MS);
    document.addEventListener("visibilitychange", load);
    return () => {
      current = false;
      clearInterval(timer);
      document.removeEventListener("visibilitychange", load);
    };
  }, [hours]);
  return past?.hours === hours ? past.past : null;
}
