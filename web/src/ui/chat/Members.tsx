import { MessageSquare, UserMinus, UserPlus } from "lucide-react";
import { useMemo, useState } from "react";
import { useLocation } from "wouter";
import type { RoomView, User } from "../../core/wire";
import { fold, matches, personName } from "../lib/names";
import { isInside, roomPath } from "../lib/rooms";
import { Avatar } from "../parts/Avatar";
import { Button } from "../parts/Button";
import { IconButton } from "../parts/IconButton";
import { attempt, openOverlay } from "../state";
import { actions, useStore } from "../store";
import { PanelFrame } from "./SidePanel";

const FILTER_FROM = 10;

export function Members({ room }: { room: RoomView }) {
  const people = useStore((state) => state.people);
  const online = useStore((state) => state.online);
  const inside = useStore(isInside);
  const [filter, setFilter] = useState("");
  const members = useMemo(() => {
    const known = room.members.flatMap((id) => (people[id] ? [people[id]] : []));
    const fitting = filter.trim() === "" ? known : known.filter((user) => matches(user.name, filter));
    return fitting.sort(
      (a, b) =>
        Number(online[b.id] ?? false) - Number(online[a.id] ?? false) || fold(a.name).localeCompare(fold(b.name)),
    );
  }, [room.members, people, online, filter]);
  const changeable = inside && room.joined && room.kind !== "direct" && !room.archived;
  return (
    <PanelFrame title={`Members (${room.members.length})`}>
      <div className="flex shrink-0 gap-2 px-4 pt-3 empty:hidden">
        {room.members.length >= FILTER_FROM && (
          <input
            type="search"
            value={filter}
            onChange={(event) => setFilter(event.target.value)}
            placeholder="Filter"
            aria-label="Filter members"
            className="h-9 min-w-0 grow rounded-md bg-hover px-3 text-sm placeholder:text-ink-3 focus:bg-field focus:outline-2 focus:outline-accent"
          />
        )}
        {changeable && (
          <Button onClick={() => openOverlay({ name: "add-members", room: room.id })}>
            <UserPlus size={18} strokeWidth={1.75} aria-hidden="true" />
            Add people
          </Button>
        )}
      </div>
      <ul className="min-h-0 grow overflow-y-auto px-2 py-2">
        {members.map((user) => (
          <Member key={user.id} user={user} room={room} online={online[user.id] === true} removable={changeable} />
        ))}
      </ul>
    </PanelFrame>
  );
}

function Member({
  user,
  room,
  online,
  removable,
}: {
  user: User;
  room: RoomView;
  online: boolean;
  removable: boolean;
}) {
  const me = useStore((state) => state.me?.id);
  const inside = useStore(isInside);
  const [, navigate] = useLocation();
  const self = user.id === me;
  const write = () =>
    attempt(async () => {
      const direct = await actions.createRoom({ kind: "direct", members: [user.id] });
      navigate(roomPath(direct.id));
    });
  const remove = () =>
    openOverlay({
      name: "confirm",
      title: `Remove ${personName(user)}?`,
      text: `${personName(user)} no longer sees ${room.name}. What was written stays.`,
      verb: "Remove",
      danger: true,
      run: () => actions.removeMember(room.id, user.id),
    });
  return (
    <li className="group flex min-h-12 items-center gap-3 rounded-md px-2 py-1 hover:bg-hover">
      <Avatar user={user} online={online} />
      <span className="min-w-0 grow">
        <span className="block truncate leading-5 font-medium">
          {user.name}
          {self && <span className="font-normal text-ink-3"> (you)</span>}
        </span>
        <span className="block truncate text-sm leading-5 text-ink-3">
          <span className="sr-only">{online ? "Online. " : "Away. "}</span>
          {[user.role === "member" ? "" : user.role, user.title].filter(Boolean).join(" · ") ||
            (online ? "Online" : "Away")}
        </span>
      </span>
      {!self && inside && room.kind !== "direct" && user.active && user.role !== "guest" && (
        <IconButton small icon={MessageSquare} label={`Write to ${user.name}`} onClick={write} />
      )}
      {!self && removable && <IconButton small icon={UserMinus} label={`Remove ${user.name}`} onClick={remove} />}
    </li>
  );
}
