import { Archive, Compass } from "lucide-react";
import { lazy, Suspense, useEffect, useState } from "react";
import { Link } from "wouter";
import type { RoomView } from "../../core/wire";
import { usePhone } from "../lib/hooks";
import { prefer } from "../lib/preferences";
import { isAdmin, usePanel } from "../lib/rooms";
import { Button } from "../parts/Button";
import { Empty } from "../parts/Empty";
import { attempt } from "../state";
import { actions, useStore } from "../store";
import { Composer } from "./Composer";
import { RoomHeader } from "./RoomHeader";
import { Timeline } from "./Timeline";

const SidePanel = lazy(() => import("./SidePanel"));

/** One conversation: header, timeline, composer, and the panel at the right. */
export function RoomPage({ room: id, seq }: { room: string; seq?: number }) {
  const room = useStore((state) => state.rooms[id]);
  const [panel] = usePanel();
  const phone = usePhone();
  const known = room !== undefined;
  useEffect(() => {
    if (!known) return;
    prefer({ lastRoom: id });
    actions.openRoom(id).catch(() => {
      // The timeline carries the error and offers to try again.
    });
  }, [id, known]);
  if (!room) return <Unknown />;
  return (
    <>
      <main className={`flex min-h-0 min-w-0 grow flex-col ${phone && panel ? "hidden" : ""}`}>
        <RoomHeader room={room} />
        <Timeline room={room} seq={seq} />
        <Foot room={room} />
      </main>
      {panel && (
        <Suspense fallback={<aside className="hidden w-95 shrink-0 border-l border-line lg:block" aria-busy="true" />}>
          <SidePanel room={room} panel={panel} />
        </Suspense>
      )}
    </>
  );
}

/** Where one writes; or why one cannot, and what to do about it. */
function Foot({ room }: { room: RoomView }) {
  if (room.archived) return <ArchivedBar room={room} />;
  if (!room.joined) return <JoinBar room={room} />;
  return <Composer key={room.id} room={room} where={room.id} />;
}

function ArchivedBar({ room }: { room: RoomView }) {
  const admin = useStore(isAdmin);
  return (
    <div className="flex shrink-0 items-center gap-3 border-t border-line bg-sunken px-4 py-3 text-sm text-ink-2">
      <Archive size={18} strokeWidth={1.75} aria-hidden="true" />
      <span className="grow">This room is archived. It can be read, not written in.</span>
      {admin && (
        <Button small onClick={() => attempt(() => actions.changeRoom(room.id, { archived: false }))}>
          Restore
        </Button>
      )}
    </div>
  );
}

function JoinBar({ room }: { room: RoomView }) {
  const [busy, setBusy] = useState(false);
  const join = async () => {
    setBusy(true);
    await attempt(() => actions.joinRoom(room.id));
    setBusy(false);
  };
  return (
    <div className="flex shrink-0 items-center gap-3 border-t border-line bg-sunken px-4 py-3">
      <span className="grow text-sm text-ink-2">
        You are looking at {room.name}. Join to write and to be told of new messages.
      </span>
      <Button look="primary" busy={busy} onClick={join}>
        Join
      </Button>
    </div>
  );
}

function Unknown() {
  return (
    <main className="m-auto">
      <Empty page icon={Compass} title="No such room here" text="It was deleted, or it is not yours to see.">
        <Link href="/" className="text-sm font-medium text-accent-ink underline underline-offset-3">
          Back to your conversations
        </Link>
      </Empty>
    </main>
  );
}
