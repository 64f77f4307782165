import { useState } from "react";
import { Button } from "../../parts/Button";
import { attempt } from "../../state";

/** Loads what is older. */
export function More({ what, load }: { what: string; load: () => Promise<void> }) {
  const [busy, setBusy] = useState(false);
  return (
    <div>
      <Button
        small
        look="quiet"
        busy={busy}
        className="-ml-2.5"
        onClick={async () => {
          setBusy(true);
          await attempt(load);
          setBusy(false);
        }}
      >
        {what}
      </Button>
    </div>
  );
}
