import { Copy } from "lucide-react";
import { useState } from "react";
import type { Id, Invitation, Role } from "../../core/wire";
import { plural } from "../lib/names";
import { fromNow } from "../lib/time";
import { Button } from "../parts/Button";
import { Choice, FormError } from "../parts/Field";
import { copyText, messageOf } from "../state";
import { actions } from "../store";

const DAY = 86_400;
const LIFETIMES: [seconds: number, name: string][] = [
  [DAY, "One day"],
  [7 * DAY, "One week"],
  [30 * DAY, "30 days"],
];
const USES: [uses: number, name: string][] = [
  [1, "One person"],
  [10, "Up to 10 people"],
  [100, "Up to 100 people"],
];

interface Props {
  invitee: Role;
  room?: Id;
}

/** Makes an invitation link and hands it over for copying. */
export function LinkMaker({ invitee, room }: Props) {
  const [seconds, setSeconds] = useState(7 * DAY);
  const [uses, setUses] = useState(invitee === "guest" ? 10 : 1);
  const [made, setMade] = useState<Invitation | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const make = async () => {
    setBusy(true);
    setError(null);
    try {
      setMade(await actions.invite({ role: invitee, expires_in: seconds, uses, ...(room !== undefined && { room }) }));
    } catch (failure) {
      setError(messageOf(failure));
    }
    setBusy(false);
  };
  if (made) return <MadeLink invitation={made} onAgain={() => setMade(null)} />;
  return (
    <div className="grid gap-4">
      <div className="grid grid-cols-2 gap-3">
        <Choice label="Good for" value={uses} onChange={(event) => setUses(Number(event.target.value))}>
          {USES.map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </Choice>
        <Choice label="Expires after" value={seconds} onChange={(event) => setSeconds(Number(event.target.value))}>
          {LIFETIMES.map(([value, name]) => (
            <option key={value} value={value}>
              {name}
            </option>
          ))}
        </Choice>
      </div>
      <FormError>{error}</FormError>
      <Button look="primary" busy={busy} onClick={make}>
        Create the link
      </Button>
    </div>
  );
}

function MadeLink({ invitation, onAgain }: { invitation: Invitation; onAgain: () => void }) {
  const { url, uses_left, expires_at } = invitation;
  return (
    <div className="grid gap-3">
      <div className="flex gap-2">
        <input
          readOnly
          value={url}
          aria-label="Invitation link"
          data-testid="invitation-link"
          onFocus={(event) => event.target.select()}
          className="h-9 min-w-0 grow rounded-md bg-sunken px-3 font-mono text-sm shadow-[inset_0_0_0_1px_var(--line)] focus:outline-2 focus:outline-accent"
        />
        <Button look="primary" onClick={() => copyText(url, "Link copied.")}>
          <Copy size={18} strokeWidth={1.75} aria-hidden="true" />
          Copy
        </Button>
      </div>
      <p className="text-sm text-ink-2">
        {uses_left === null ? "Good for anybody who has it" : `Good for ${plural(uses_left, "person", "people")}`},
        expires {fromNow(expires_at)}.{" "}
        <button type="button" onClick={onAgain} className="font-medium text-accent-ink underline underline-offset-3">
          Make another
        </button>
      </p>
    </div>
  );
}
