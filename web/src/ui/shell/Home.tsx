import { MessageSquarePlus } from "lucide-react";
import { lazy } from "react";
import { Redirect } from "wouter";
import { usePreferences } from "../lib/preferences";
import { isInside, roomPath, useConversations } from "../lib/rooms";
import { Button } from "../parts/Button";
import { Empty } from "../parts/Empty";
import { openOverlay } from "../state";
import { useStore } from "../store";
import { useAlone } from "./alone";

const Welcome = lazy(() => import("./Welcome"));

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
