import { Monitor, Smartphone } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import type { Session } from "../../core/wire";
import { fromNow } from "../lib/time";
import { Button } from "../parts/Button";
import { FormError } from "../parts/Field";
import { ICON } from "../parts/icon";
import { attempt, messageOf } from "../state";
import { actions } from "../store";
import { describeAgent } from "./agent";
import { Part } from "./Settings";

/** Where one is signed in, and an end to any of it. */
export function Sessions() {
  const [sessions, setSessions] = useState<Session[] | null>(null);
  const [error, setError] = useState<string | null>(null);
  const load = useCallback(() => {
    actions.sessions().then(
      (found) =>
        setSessions(
          found.toSorted(
            (a, b) => Number(b.current) - Number(a.current) || b.last_used_at.localeCompare(a.last_used_at),
          ),
        ),
      (failure: unknown) => setError(messageOf(failure)),
    );
  }, []);
  useEffect(load, [load]);
  const end = async (id: string) => {
    if (await attempt(() => actions.endSession(id), "Session ended.")) load();
  };
  return (
    <Part title="Where you are signed in" text="Ending a session signs that browser out at once.">
      <FormError>{error}</FormError>
      <ul className="divide-y divide-line border-y border-line" aria-busy={sessions === null && error === null}>
        {sessions?.map((session) => {
          const { name, phone } = describeAgent(session.user_agent);
          const Icon = phone ? Smartphone : Monitor;
          return (
            <li key={session.id} className="flex min-h-16 items-center gap-3 py-2">
              <Icon {...ICON} className="shrink-0 text-ink-2" />
              <div className="min-w-0 grow">
                <p className="truncate leading-5 font-medium">{name}</p>
                <p className="truncate text-sm leading-5 text-ink-3">
                  {session.address} · {session.current ? "this browser" : `last used ${fromNow(session.last_used_at)}`}
                </p>
              </div>
              {!session.current && (
                <Button small onClick={() => void end(session.id)} aria-label={`End the session of ${name}`}>
                  End
                </Button>
              )}
            </li>
          );
        })}
      </ul>
    </Part>
  );
}
