import type { RoomView } from "../../core/wire";
import { isInside, useRoomTitle } from "../lib/rooms";
import { dayName } from "../lib/time";
import { Button } from "../parts/Button";
import { RoomSign } from "../shell/Sidebar";
import { openOverlay } from "../state";
import { useStore } from "../store";

/** The first thing in a conversation: what it is, and the next step while it is empty. */
export function RoomStart({ room, empty }: { room: RoomView; empty: boolean }) {
  const title = useRoomTitle(room);
  const inside = useStore(isInside);
  const direct = room.kind === "direct";
  const alone = !direct && inside && room.joined && !room.archived && room.members.length <= 1;
  return (
    <article aria-label={`About ${title}`} className="px-4 pt-10 pb-4 md:px-6">
      <span className="inline-flex size-10 items-center justify-center rounded-xl bg-sunken">
        <RoomSign room={room} />
      </span>
      <h2 className="mt-3 text-xl">{title}</h2>
      <p className="mt-1 max-w-prose text-ink-2">
        {direct
          ? `This is the beginning of your conversation with ${title}.`
          : `This ${room.kind === "private" ? "private " : ""}room was created ${created(room)}.`}
        {empty && room.joined && !alone && " Write the first message below."}
      </p>
      {alone && (
        <Button
          className="mt-4"
          look={empty ? "primary" : "plain"}
          onClick={() => openOverlay({ name: "add-members", room: room.id })}
        >
          Add people
        </Button>
      )}
    </article>
  );
}

function created(room: RoomView): string {
  const day = dayName(room.created_at);
  return day === "Today" || day === "Yesterday" ? day.toLowerCase() : `on ${day}`;
}
