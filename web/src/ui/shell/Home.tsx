import { Hash, type LucideIcon, MessageSquarePlus, Sparkles, UserPlus } from "lucide-react";
import { type ReactNode, useState } from "react";
import { Link, Redirect } from "wouter";
import { usePreferences } from "../lib/preferences";
import { isInside, roomPath, useConversations } from "../lib/rooms";
import { Button } from "../parts/Button";
import { Empty } from "../parts/Empty";
import { attempt, openOverlay } from "../state";
import { actions, useStore } from "../store";
import { useAlone } from "./Sample";

/** The address without a room: the room one was in, or what to do first. */
export function Home() {
  const { rooms, direct } = useConversations();
  const last = usePreferences((preferences) => preferences.lastRoom);
  const inside = useStore(isInside);
  const alone = useAlone();
  if (alone) return <Welcome />;
  const all = [...rooms, ...direct];
  const target = all.find((room) => room.id === last) ?? all[0];
  if (target) return <Redirect to={roomPath(target.id)} replace />;
  return (
    <main className="m-auto">
      <Empty
        page
        icon={MessageSquarePlus}
        title="No conversations yet"
        text={
          inside
            ? "Create a room, and the others can join you there."
            : "You will see your rooms here once somebody adds you."
        }
      >
        {inside && (
          <Button look="primary" onClick={() => openOverlay({ name: "new-room" })}>
            Create a room
          </Button>
        )}
      </Empty>
    </main>
  );
}

function Welcome() {
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
