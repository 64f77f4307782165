import {
  Archive,
  Hash,
  Link2,
  Lock,
  LogOut,
  type LucideIcon,
  Pencil,
  Search,
  Trash2,
  UserPlus,
  UserRoundPlus,
} from "lucide-react";
import type { ReactNode } from "react";
import { useLocation } from "wouter";
import type { RoomView } from "../../core/wire";
import { plural } from "../lib/names";
import { isInside, roomPath, usePanel, useRoomTitle } from "../lib/rooms";
import { dayName } from "../lib/time";
import { ICON } from "../parts/icon";
import { attempt, copyText, openOverlay } from "../state";
import { actions, useStore } from "../store";
import { PanelFrame } from "./SidePanel";

const KINDS = {
  open: { icon: Hash, text: "Open: every colleague can find it and join" },
  private: { icon: Lock, text: "Private: only its members know of it" },
};

/** What a room is, and what one may do with it. */
export function Details({ room }: { room: RoomView }) {
  const title = useRoomTitle(room);
  const inside = useStore(isInside);
  const guest = useStore((state) => state.me?.role === "guest");
  const [, setPanel] = usePanel();
  const [, navigate] = useLocation();
  const direct = room.kind === "direct";
  const kind = room.kind === "direct" ? null : KINDS[room.kind];
  const manage = inside && room.joined && !direct;
  const rules = manage && room.manages !== false;

  const ask = (verb: string, text: string, run: () => Promise<void>) =>
    openOverlay({ name: "confirm", title: `${verb} ${room.name}?`, text, verb, danger: true, run });
  const leave = () =>
    ask(
      "Leave",
      room.kind === "open"
        ? "You can join again at any time."
        : "Somebody in the room must add you if you want to come back.",
      async () => {
        await actions.leaveRoom(room.id);
        navigate("/");
      },
    );
  const archive = () =>
    ask("Archive", "It leaves everybody's list and takes no new messages. It can be read and restored.", () =>
      actions.changeRoom(room.id, { archived: true }),
    );
  const remove = () =>
    ask("Delete", "The room and every message in it are gone for everybody. This cannot be undone.", async () => {
      await actions.deleteRoom(room.id);
      navigate("/");
    });

  return (
    <PanelFrame title="Details">
      <div className="min-h-0 grow overflow-y-auto">
        <div className="border-b border-line px-4 py-4">
          <h3 className="text-lg">{title}</h3>
          {room.topic && <p className="mt-1 text-ink-2">{room.topic}</p>}
          <div className="mt-3 space-y-1 text-sm text-ink-3">
            {kind && (
              <p className="flex items-center gap-2">
                <kind.icon size={16} strokeWidth={1.75} className="shrink-0" aria-hidden="true" />
                {kind.text}
              </p>
            )}
            <p>
              {plural(room.members.length, "member")} · created {dayName(room.created_at)}
            </p>
          </div>
        </div>
        <ul className="p-2">
          <Act icon={Search} onClick={() => openOverlay({ name: "palette", room: room.id })}>
            Search in this room
          </Act>
          <Act
            icon={Link2}
            onClick={() => copyText(new URL(roomPath(room.id), window.location.origin).href, "Link copied.")}
          >
            Copy the link to this room
          </Act>
          {manage && !room.archived && (
            <>
              <Act icon={Pencil} onClick={() => openOverlay({ name: "edit-room", room: room.id })}>
                Edit name and topic
              </Act>
              <Act icon={UserPlus} onClick={() => openOverlay({ name: "add-members", room: room.id })}>
                Add people
              </Act>
              <Act icon={UserRoundPlus} onClick={() => openOverlay({ name: "guest-link", room: room.id })}>
                Invite a guest by link
              </Act>
            </>
          )}
        </ul>
        {room.joined && !direct && !guest && (
          <ul className="border-t border-line p-2">
            <Act icon={LogOut} onClick={leave}>
              Leave this room
            </Act>
            {rules &&
              (room.archived ? (
                <Act icon={Archive} onClick={() => attempt(() => actions.changeRoom(room.id, { archived: false }))}>
                  Restore this room
                </Act>
              ) : (
                <Act icon={Archive} onClick={archive}>
                  Archive this room
                </Act>
              ))}
            {rules && (
              <Act icon={Trash2} danger onClick={remove}>
                Delete this room
              </Act>
            )}
          </ul>
        )}
        {direct && (
          <p className="border-t border-line px-4 py-4 text-sm text-ink-3">
            A direct conversation stays between the people in it.{" "}
            <button
              type="button"
              className="font-medium text-accent-ink underline underline-offset-3"
              onClick={() => setPanel({ name: "members" })}
            >
              Show them
            </button>
          </p>
        )}
      </div>
    </PanelFrame>
  );
}

function Act({
  icon: Icon,
  danger = false,
  onClick,
  children,
}: {
  icon: LucideIcon;
  danger?: boolean;
  onClick: () => void;
  children: ReactNode;
}) {
  return (
    <li>
      <button
        type="button"
        onClick={onClick}
        className={`flex h-9 w-full items-center gap-3 rounded-md px-2 text-left hover:bg-hover coarse:h-11 ${danger ? "text-danger-ink" : ""}`}
      >
        <Icon {...ICON} className={`shrink-0 ${danger ? "" : "text-ink-2"}`} />
        {children}
      </button>
    </li>
  );
}
