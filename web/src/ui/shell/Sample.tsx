import { Sparkles } from "lucide-react";
import { useState } from "react";
import { isAdmin } from "../lib/rooms";
import { Button } from "../parts/Button";
import { ICON } from "../parts/icon";
import { attempt } from "../state";
import { actions, useStore } from "../store";

/** Marks the sample workspace for as long as it is there, and removes it in one click. */
export function SampleStrip() {
  const sample = useStore((state) => state.workspace?.sample === true);
  const admin = useStore(isAdmin);
  const [busy, setBusy] = useState(false);
  if (!sample || !admin) return null;
  const remove = async () => {
    setBusy(true);
    await attempt(actions.removeSample, "The sample is gone.");
    setBusy(false);
  };
  return (
    <div className="flex shrink-0 items-center gap-2 border-t border-line px-4 py-2 text-sm text-ink-2">
      <Sparkles {...ICON} className="shrink-0 text-accent-ink" />
      <span className="min-w-0 grow">Sample people and rooms</span>
      <Button small look="quiet" busy={busy} onClick={remove} aria-label="Remove the sample workspace">
        Remove
      </Button>
    </div>
  );
}
