import { ArrowLeft, Info, Search } from "lucide-react";
import { Link } from "wouter";
import { useShallow } from "zustand/react/shallow";
import type { RoomView } from "../../core/wire";
import { usePhone } from "../lib/hooks";
import { othersOf, plural } from "../lib/names";
import { isInside, usePanel, useRoomTitle } from "../lib/rooms";
import { Avatar } from "../parts/Avatar";
import { IconButton } from "../parts/IconButton";
import { ICON } from "../parts/icon";
import { tip } from "../parts/tip";
import { RoomSign } from "../shell/Sidebar";
import { openOverlay } from "../state";
import { useStore } from "../store";

export function RoomHeader({ room }: { room: RoomView }) {
  const title = useRoomTitle(room);
  const phone = usePhone();
  const [panel, setPanel] = usePanel();
  const inside = useStore(isInside);
  const editable = inside && room.joined && room.kind !== "direct" && !room.archived;
  const subtitle = useSubtitle(room);
  const toggle = (name: "members" | "details") => setPanel(panel?.name === name ? null : { name });
  return (
    <header className="flex h-14 shrink-0 items-center gap-2 border-b border-line pr-4 pl-6 max-md:pr-2 max-md:pl-1">
      {phone && (
        <Link
          href="/"
          aria-label="Back to conversations"
          className="inline-flex size-10 shrink-0 items-center justify-center rounded-md text-ink-2 hover:bg-hover"
        >
          <ArrowLeft {...ICON} />
        </Link>
      )}
      <div className="min-w-0 grow">
        <h1 className="flex items-center gap-2 truncate text-base leading-5">
          <RoomSign room={room} on="var(--canvas)" />
          <span className="truncate">{title}</span>
        </h1>
        {editable ? (
          <button
            type="button"
            className="block max-w-full truncate rounded text-left text-sm leading-5 text-ink-3 hover:text-ink"
            onClick={() => openOverlay({ name: "edit-room", room: room.id })}
            aria-label={subtitle ? `Topic: ${subtitle}. Edit` : "Add a topic"}
          >
            {subtitle || "Add a topic"}
          </button>
        ) : (
          subtitle && <p className="truncate text-sm leading-5 text-ink-3">{subtitle}</p>
        )}
      </div>
      <MembersButton room={room} pressed={panel?.name === "members"} onClick={() => toggle("members")} />
      {!phone && (
        <IconButton
          icon={Search}
          label="Search in this room"
          side="bottom"
          onClick={() => openOverlay({ name: "palette", room: room.id })}
        />
      )}
      <IconButton
        icon={Info}
        label="Room details"
        side="bottom"
        aria-pressed={panel?.name === "details"}
        onClick={() => toggle("details")}
      />
    </header>
  );
}

/** The topic; for a direct conversation who the other is. */
function useSubtitle(room: RoomView): string {
  return useStore((state) => {
    if (room.kind !== "direct") return room.topic;
    const others = othersOf(room, state.me?.id);
    const [first] = others;
    if (others.length !== 1 || !first) return plural(room.members.length, "person", "people");
    const title = state.people[first]?.title;
    const presence = state.online[first] ? "Online" : "Away";
    return title ? `${presence} · ${title}` : presence;
  });
}

const SHOWN = 3;

function MembersButton({ room, pressed, onClick }: { room: RoomView; pressed: boolean; onClick: () => void }) {
  const shown = useStore(
    useShallow((state) => {
      const present = room.members.filter((id) => state.online[id]);
      const rest = room.members.filter((id) => !state.online[id]);
      return [...present, ...rest].slice(0, SHOWN).map((id) => state.people[id]);
    }),
  );
  const label = `${plural(room.members.length, "member")}, show them`;
  return (
    <button
      type="button"
      {...tip("Members", undefined, "bottom")}
      aria-pressed={pressed}
      onClick={onClick}
      className="flex h-8 shrink-0 items-center gap-2 rounded-md px-1.5 text-sm text-ink-2 tabular-nums hover:bg-hover aria-pressed:bg-accent-soft aria-pressed:text-accent-ink coarse:h-10"
    >
      <span className="flex gap-1 max-sm:hidden">
        {shown.map((user, index) => (
          <span key={user?.id ?? index}>
            <Avatar user={user} size="sm" />
          </span>
        ))}
      </span>
      <span className="min-w-5 text-center sm:hidden">
        <Avatar user={shown[0]} size="sm" />
      </span>
      <span aria-hidden="true">{room.members.length}</span>
      <span className="sr-only">{label}</span>
    </button>
  );
}
