import { useEffect, useState } from "react";
import { plural } from "../lib/names";
import { useStore } from "../store";

/** A blink of the network is not worth a word. */
const PATIENCE_MS = 700;
const BACK_MS = 6000;

interface Words {
  text: string;
  tone: "waiting" | "good";
}

/** A slim line, only when it matters. */
export function ConnectionBanner() {
  const { state, queued, caughtUp, update } = useStore((store) => store.connection);
  const [patient, setPatient] = useState(true);
  const [welcomed, setWelcomed] = useState(false);

  useEffect(() => {
    setPatient(true);
    const timer = setTimeout(() => setPatient(false), state === "connecting" ? 4 * PATIENCE_MS : PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [state]);

  useEffect(() => {
    setWelcomed(false);
    if (caughtUp === null) return;
    const timer = setTimeout(() => setWelcomed(true), BACK_MS);
    return () => clearTimeout(timer);
  }, [caughtUp]);

  const words = describe(state, queued, welcomed ? null : caughtUp, patient);
  return (
    <div data-testid="connection-banner" data-state={state} role="status" className="shrink-0">
      {words && (
        <p
          className={`flex min-h-8 items-center justify-center gap-2 px-4 py-1 text-center text-sm font-medium ${
            words.tone === "good" ? "bg-accent-soft text-accent-ink" : "bg-notice text-notice-ink"
          }`}
        >
          {words.tone === "waiting" && (
            <span className="size-2 shrink-0 animate-pulse rounded-full bg-current" aria-hidden="true" />
          )}
          {words.text}
        </p>
      )}
      {update && !words && (
        <p className="flex min-h-8 items-center justify-center gap-3 bg-accent-soft px-4 py-1 text-sm font-medium text-accent-ink">
          A new version of Hubbub is ready.
          <button
            type="button"
            className="font-semibold underline underline-offset-3"
            onClick={() => window.location.reload()}
          >
            Use it now
          </button>
        </p>
      )}
    </div>
  );
}

function describe(state: string, queued: number, caughtUp: number | null, patient: boolean): Words | null {
  const waiting = queued > 0 ? ` ${plural(queued, "change waits", "changes wait")} to be sent.` : "";
  if (state === "offline") {
    return { text: `You are offline.${waiting || " What you write is kept and sent later."}`, tone: "waiting" };
  }
  if (state === "reconnecting" && !patient) {
    return { text: `Reconnecting… what you do is kept.${waiting}`, tone: "waiting" };
  }
  if (state === "connecting" && !patient) return { text: "Connecting…", tone: "waiting" };
  if (state === "online" && caughtUp !== null) {
    return { text: caughtUp > 0 ? `Back. ${plural(caughtUp, "new message")}` : "Back.", tone: "good" };
  }
  return null;
}
