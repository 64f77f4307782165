import { LinkIcon } from "lucide-react";
import { useEffect, useState } from "react";
import { Link } from "wouter";
import type { Invitation } from "../../core/wire";
import { Empty } from "../parts/Empty";
import { messageOf } from "../state";
import { actions } from "../store";

export type Found = { invitation: Invitation } | { error: string } | null;

/** What an invitation code stands for; null while it is not known. */
export function useInvitation(code: string | undefined): Found {
  const [found, setFound] = useState<Found>(null);
  useEffect(() => {
    let current = true;
    setFound(null);
    if (code === undefined) return;
    actions.invitation(code).then(
      (invitation) => current && setFound({ invitation }),
      (error: unknown) => current && setFound({ error: messageOf(error) }),
    );
    return () => {
      current = false;
    };
  }, [code]);
  return found;
}

export function Gone({ error }: { error: string }) {
  return (
    <main className="flex h-full items-center bg-sunken">
      <Empty
        page
        icon={LinkIcon}
        title="This link does not work"
        text={`${error} Ask the person who sent it for a new one.`}
      >
        <Link href="/sign-in" className="text-sm font-medium text-accent-ink underline underline-offset-3">
          Go to sign-in
        </Link>
      </Empty>
    </main>
  );
}
