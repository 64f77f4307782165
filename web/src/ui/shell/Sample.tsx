import { Sparkles } from "lucide-react";
import { useState } from "react";
import { useLocation, useRoute } from "wouter";
import { usePhone } from "../lib/hooks";
import { prefer, usePreferences } from "../lib/preferences";
import { isAdmin } from "../lib/rooms";
import { Button } from "../parts/Button";
import { ICON } from "../parts/icon";
import { attempt } from "../state";
import { actions, useStore } from "../store";
import { useAlone } from "./alone";

/** Offers the sample workspace to whoever is alone, and marks and removes it in one click once it is there. */
export default function Sample() {
  const sample = useStore((state) => state.workspace?.sample === true);
  const admin = useStore(isAdmin);
  const alone = useAlone();
  const declined = usePreferences((preferences) => preferences.sampleDeclined);
  const phone = usePhone();
  const [atHome] = useRoute("/");
  const [, navigate] = useLocation();
  const [busy, setBusy] = useState(false);
  const run = async (verb: () => Promise<void>, done?: string) => {
    setBusy(true);
    // The room one is in may have come or gone with it.
    if (await attempt(verb, done)) navigate("/");
    setBusy(false);
  };
  if (sample && admin) {
    return (
      <div className="flex shrink-0 items-center gap-2 border-t border-line px-4 py-2 text-sm text-ink-2">
        <Sparkles {...ICON} className="shrink-0 text-accent-ink" />
        <span className="min-w-0 grow">Sample workspace</span>
        <Button
          small
          look="quiet"
          busy={busy}
          onClick={() => run(actions.removeSample, "The sample is gone.")}
          aria-label="Remove the sample workspace"
        >
          Remove
        </Button>
      </div>
    );
  }
  // On a wide screen the page beside says so already.
  if (!alone || declined || (atHome && !phone)) return null;
  return (
    <div className="shrink-0 border-t border-line px-4 py-3 text-sm text-ink-2">
      <p className="flex items-start gap-2">
        <Sparkles {...ICON} className="mt-px shrink-0 text-accent-ink" />
        Look around with sample people, rooms and a board. One click removes them.
      </p>
      <div className="mt-2 ml-6.5 flex gap-2">
        <Button small busy={busy} onClick={() => run(actions.addSample)}>
          Add the sample
        </Button>
        <Button small look="quiet" onClick={() => prefer({ sampleDeclined: true })}>
          Not now
        </Button>
      </div>
    </div>
  );
}
