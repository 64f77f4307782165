import { Copy } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import type { Invitation } from "../../core/wire";
import { plural } from "../lib/names";
import { fromNow } from "../lib/time";
import { Button } from "../parts/Button";
import { FormError } from "../parts/Field";
import { IconButton } from "../parts/IconButton";
import { attempt, copyText, messageOf, useUi } from "../state";
import { actions } from "../store";

/** Links that still work: copy them again, or withdraw them. */
export function Invitations() {
  const [invitations, setInvitations] = useState<Invitation[] | null>(null);
  const [error, setError] = useState<string | null>(null);
  const inviting = useUi((ui) => ui.overlay?.name === "invite" || ui.overlay?.name === "guest-link");
  const load = useCallback(() => {
    actions.invitations().then(
      (found) => {
        setInvitations(found);
        setError(null);
      },
      (failure: unknown) => setError(messageOf(failure)),
    );
  }, []);
  // Asked again when the dialog that makes them has closed.
  useEffect(() => {
    if (!inviting) load();
  }, [inviting, load]);
  const withdraw = async (code: string) => {
    if (await attempt(() => actions.withdrawInvitation(code), "Invitation withdrawn.")) load();
  };
  if (invitations?.length === 0) return null;
  return (
    <section className="mt-10">
      <h2 className="text-lg">Open invitations</h2>
      <FormError>{error}</FormError>
      <ul className="mt-3 divide-y divide-line border-y border-line">
        {invitations?.map((one) => (
          <li key={one.code} className="flex min-h-14 flex-wrap items-center gap-x-3 gap-y-1 py-2">
            <div className="min-w-48 grow basis-0">
              <p className="truncate leading-5">
                <span className="font-medium">{label(one)}</span>
              </p>
              <p className="truncate text-sm leading-5 text-ink-3">
                {[
                  `by ${one.inviter}`,
                  one.uses_left === null ? "any number of people" : `${plural(one.uses_left, "use")} left`,
                  `expires ${fromNow(one.expires_at)}`,
                ].join(" · ")}
              </p>
            </div>
            <IconButton icon={Copy} label="Copy the link" onClick={() => copyText(one.url, "Link copied.")} />
            <Button small look="quiet" onClick={() => void withdraw(one.code)}>
              Withdraw
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function label({ role, room_name, email }: Invitation): string {
  const what = role.charAt(0).toUpperCase() + role.slice(1);
  return `${what}${room_name ? ` in ${room_name}` : ""}${email ? ` for ${email}` : ""}`;
}
