import { Archive, Hash } from "lucide-react";
import { useMemo, useState } from "react";
import { useLocation } from "wouter";
import type { RoomView } from "../../core/wire";
import { byRecency, matches, plural } from "../lib/names";
import { roomPath } from "../lib/rooms";
import { Button } from "../parts/Button";
import { ICON } from "../parts/icon";
import { Modal } from "../parts/Modal";
import { attempt, closeOverlay, openOverlay } from "../state";
import { actions, useStore } from "../store";

/** Open rooms one may join, and archived ones one may read. */
export default function BrowseRooms() {
  const rooms = useStore((state) => state.rooms);
  const [query, setQuery] = useState("");
  const found = useMemo(
    () =>
      Object.values(rooms)
        .filter((room) => room.kind !== "direct" && (!room.joined || room.archived))
        .filter((room) => query.trim() === "" || matches(`${room.name} ${room.topic}`, query))
        .sort((a, b) => Number(a.archived) - Number(b.archived) || byRecency(a, b)),
    [rooms, query],
  );
  return (
    <Modal wide title="Browse rooms" text="Open rooms you are not in yet, and the archive.">
      <input
        type="search"
        value={query}
        onChange={(event) => setQuery(event.target.value)}
        aria-label="Find a room"
        placeholder="Find a room"
        className="h-9 w-full shrink-0 rounded-md bg-field px-3 shadow-[inset_0_0_0_1px_var(--line-strong)] placeholder:text-ink-3 focus:outline-2 focus:outline-accent coarse:h-11 coarse:text-[16px]"
      />
      <ul className="mt-2 -mr-3 h-80 overflow-y-auto pr-3">
        {found.map((room) => (
          <Found key={room.id} room={room} />
        ))}
        {found.length === 0 && (
          <li className="flex flex-col items-start gap-3 px-2 py-3 text-sm text-ink-2">
            {query ? "No room has this name." : "You are in every open room there is."}
            <Button small onClick={() => openOverlay({ name: "new-room" })}>
              Create a room
            </Button>
          </li>
        )}
      </ul>
    </Modal>
  );
}

function Found({ room }: { room: RoomView }) {
  const [busy, setBusy] = useState(false);
  const [, navigate] = useLocation();
  const look = () => {
    closeOverlay();
    navigate(roomPath(room.id));
  };
  const join = async () => {
    setBusy(true);
    if (await attempt(() => actions.joinRoom(room.id))) look();
    else setBusy(false);
  };
  const Icon = room.archived ? Archive : Hash;
  return (
    <li className="flex min-h-14 items-center gap-3 rounded-md px-2 py-1.5 hover:bg-hover">
      <Icon {...ICON} className="shrink-0 text-ink-3" />
      <button type="button" onClick={look} className="min-w-0 grow rounded text-left">
        <span className="block truncate leading-5 font-medium">{room.name}</span>
        <span className="block truncate text-sm leading-5 text-ink-3">
          {plural(room.members.length, "member")}
          {room.archived && " · archived"}
          {room.topic && ` · ${room.topic}`}
        </span>
      </button>
      {!room.joined && !room.archived && (
        <Button small busy={busy} onClick={join} aria-label={`Join ${room.name}`}>
          Join
        </Button>
      )}
    </li>
  );
}
