import { Hash, type LucideIcon, Sparkles, UserPlus } from "lucide-react";
import { type ReactNode, useState } from "react";
import { Link } from "wouter";
import { roomPath, useConversations } from "../lib/rooms";
import { Button } from "../parts/Button";
import { attempt, openOverlay } from "../state";
import { actions, useStore } from "../store";

/** The first page of a workspace nobody else is in yet. */
export default function Welcome() {
  const workspace = useStore((state) => state.workspace);
  const { rooms } = useConversations();
  const [busy, setBusy] = useState(false);
  const add = async () => {
    setBusy(true);
    await attempt(actions.addSample);
    setBusy(false);
  };
  return (
    <main className="m-auto w-full max-w-lg overflow-y-auto px-6 py-10">
      <h1 className="text-2xl tracking-tight">{workspace?.name} is ready</h1>
      <p className="mt-2 text-ink-2">You are its owner and, so far, the only one here.</p>
      <ul className="mt-6 divide-y divide-line border-y border-line">
        <Step icon={UserPlus} title="Invite your colleagues" text="A link for each role; clients and guests too.">
          <Button look="primary" onClick={() => openOverlay({ name: "invite" })}>
            Invite people
          </Button>
        </Step>
        <Step icon={Hash} title="Open a room" text="For a team, a project or a client.">
          <Button onClick={() => openOverlay({ name: "new-room" })}>Create a room</Button>
        </Step>
        <Step
          icon={Sparkles}
          title="Look around first"
          text="Sample people, rooms and messages, removable in one click."
        >
          <Button busy={busy} onClick={add}>
            Add the sample
          </Button>
        </Step>
      </ul>
      {rooms[0] && (
        <Link
          className="mt-6 inline-block text-sm font-medium text-accent-ink underline underline-offset-3"
          href={roomPath(rooms[0].id)}
        >
          Go to {rooms[0].name}
        </Link>
      )}
    </main>
  );
}

function Step({
  icon: Icon,
  title,
  text,
  children,
}: {
  icon: LucideIcon;
  title: string;
  text: string;
  children: ReactNode;
}) {
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 py-4">
      <span className="inline-flex size-9 shrink-0 items-center justify-center rounded-lg bg-accent-soft text-accent-ink">
        <Icon size={18} strokeWidth={1.75} aria-hidden="true" />
      </span>
      <span className="min-w-48 grow basis-0">
        <span className="block font-medium">{title}</span>
        <span className="block text-sm text-ink-2">{text}</span>
      </span>
      {children}
    </li>
  );
}
