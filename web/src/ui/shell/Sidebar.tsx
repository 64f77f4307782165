import { Hash, Lock, MessagesSquare, PencilLine, Plus, Search, Telescope } from "lucide-react";
import { lazy, memo, type ReactNode, Suspense, useMemo, useState } from "react";
import { Link } from "wouter";
import type { RoomView } from "../../core/wire";
import { usePhone } from "../lib/hooks";
import { matches, othersOf, roomTitle } from "../lib/names";
import { isInside, roomPath, useConversations, useOpenRoom, useRoomTitle } from "../lib/rooms";
import { Avatar } from "../parts/Avatar";
import { Button } from "../parts/Button";
import { FilterField } from "../parts/FilterField";
import { IconButton } from "../parts/IconButton";
import { ICON } from "../parts/icon";
import { openOverlay } from "../state";
import { useStore } from "../store";
import { useAlone } from "./alone";

const Sample = lazy(() => import("./Sample"));

/** Rooms and direct conversations by recency, with a filter on top. */
export function Sidebar() {
  const workspace = useStore((state) => state.workspace);
  const inside = useStore(isInside);
  const alone = useAlone();
  const [filter, setFilter] = useState("");
  const phone = usePhone();
  const Frame = phone ? "main" : "aside";
  const Heading = phone ? "h1" : "h2";
  const all = useConversations();
  const people = useStore((state) => state.people);
  const me = useStore((state) => state.me?.id);
  const { rooms, direct } = useMemo(() => {
    if (filter.trim() === "") return all;
    const fits = (room: RoomView) => matches(roomTitle(room, people, me), filter);
    return { rooms: all.rooms.filter(fits), direct: all.direct.filter(fits) };
  }, [all, filter, people, me]);
  const filtering = filter.trim() !== "";
  return (
    <Frame
      aria-label="Conversations"
      className="flex min-h-0 w-full shrink-0 grow flex-col bg-sunken md:w-66 md:grow-0 md:border-r md:border-line"
    >
      <header className="flex h-14 shrink-0 items-center gap-1 pr-3 pl-4">
        <Heading className="min-w-0 grow truncate text-base font-semibold">{workspace?.name}</Heading>
        <IconButton
          icon={Search}
          label="Search everything"
          keys="Ctrl K"
          side="bottom"
          onClick={() => openOverlay({ name: "palette" })}
        />
      </header>
      <FilterField label="Filter conversations" value={filter} onChange={setFilter} />
      <nav aria-label="Rooms and people" className="min-h-0 grow overflow-y-auto px-2 pb-4">
        <Section
          title="Rooms"
          tools={
            inside && (
              <>
                <IconButton
                  small
                  icon={Telescope}
                  label="Browse open rooms"
                  onClick={() => openOverlay({ name: "browse-rooms" })}
                />
                <IconButton small icon={Plus} label="New room" onClick={() => openOverlay({ name: "new-room" })} />
              </>
            )
          }
        >
          {rooms.map((room) => (
            <RoomLink key={room.id} room={room} />
          ))}
          {rooms.length === 0 && (
            <Hint>
              {filtering
                ? "No room has this name."
                : inside
                  ? "Rooms are where the talking happens."
                  : "Nobody has added you to a room yet."}
              {!filtering && inside && (
                <Button small className="mt-2" onClick={() => openOverlay({ name: "new-room" })}>
                  Create a room
                </Button>
              )}
            </Hint>
          )}
        </Section>
        {(inside || direct.length > 0) && (
          <Section
            title="Direct"
            tools={
              inside && (
                <IconButton
                  small
                  icon={Plus}
                  label="New direct conversation"
                  onClick={() => openOverlay({ name: "new-direct" })}
                />
              )
            }
          >
            {direct.map((room) => (
              <RoomLink key={room.id} room={room} />
            ))}
            {direct.length === 0 && (
              <Hint>
                {filtering ? "Nobody has this name." : "For what concerns only two or three."}
                {!filtering && (
                  <Button small className="mt-2" onClick={() => openOverlay({ name: "new-direct" })}>
                    Write to somebody
                  </Button>
                )}
              </Hint>
            )}
          </Section>
        )}
      </nav>
      {(workspace?.sample || alone) && (
        <Suspense>
          <Sample />
        </Suspense>
      )}
    </Frame>
  );
}

function Section({ title, tools, children }: { title: string; tools: ReactNode; children: ReactNode }) {
  return (
    <section className="mt-2">
      <div className="flex h-8 items-center pr-1 pl-2 coarse:h-10">
        <h3 className="grow text-xs font-medium tracking-normal text-ink-3">{title}</h3>
        {tools}
      </div>
      {children}
    </section>
  );
}

function Hint({ children }: { children: ReactNode }) {
  return <div className="flex flex-col items-start px-2 py-1 text-sm text-ink-3">{children}</div>;
}

const RoomLink = memo(function RoomLink({ room }: { room: RoomView }) {
  const title = useRoomTitle(room);
  const current = useOpenRoom() === room.id;
  const draft = useStore((state) => !current && (state.drafts[room.id] ?? "").trim() !== "");
  const loud = room.unread > 0;
  const aside = [
    loud && `${room.unread} unread`,
    room.mentions > 0 && `${room.mentions} for you`,
    draft && "draft",
  ].filter(Boolean);
  return (
    <Link
      href={roomPath(room.id)}
      data-testid="room-link"
      data-room={room.id}
      aria-current={current ? "page" : undefined}
      className={`flex h-8 items-center gap-2 rounded-md px-2 transition-colors coarse:h-11 ${
        current ? "bg-pressed text-ink" : loud ? "text-ink hover:bg-hover" : "text-ink-2 hover:bg-hover hover:text-ink"
      }`}
    >
      <RoomSign room={room} />
      <span className={`min-w-0 grow truncate ${loud ? "font-semibold" : ""}`}>{title}</span>
      {draft && <PencilLine size={14} className="shrink-0 text-ink-3" aria-hidden="true" />}
      {loud && (
        <span
          className={`inline-flex h-5 min-w-5 shrink-0 items-center justify-center rounded-full px-1.5 text-2xs font-semibold tabular-nums ${
            room.mentions > 0 ? "bg-accent text-on-accent" : "bg-pressed text-ink"
          }`}
          aria-hidden="true"
          data-mentions={room.mentions > 0 || undefined}
        >
          {room.mentions > 0 ? `@${Math.min(room.mentions, 99)}` : room.unread > 99 ? "99+" : room.unread}
        </span>
      )}
      {aside.length > 0 && <span className="sr-only">, {aside.join(", ")}</span>}
    </Link>
  );
});

/** What kind of conversation it is, at a glance. */
export function RoomSign({ room, on = "var(--sunken)" }: { room: RoomView; on?: string }) {
  const me = useStore((state) => state.me?.id);
  const others = othersOf(room, me);
  const other = others.length === 1 ? others[0] : undefined;
  const user = useStore((state) => (other ? state.people[other] : undefined));
  const online = useStore((state) => other !== undefined && state.online[other] === true);
  if (room.kind === "direct") {
    if (other) return <Avatar user={user} size="xs" online={online} on={on} />;
    return <MessagesSquare {...ICON} className="shrink-0 text-ink-3" />;
  }
  const Icon = room.kind === "private" ? Lock : Hash;
  return <Icon {...ICON} className="shrink-0 text-ink-3" />;
}
