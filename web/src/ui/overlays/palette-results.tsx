import {
  Activity,
  CheckCheck,
  CircleUser,
  Hash,
  Keyboard,
  ListTodo,
  Lock,
  LogOut,
  type LucideIcon,
  MessageSquarePlus,
  MessagesSquare,
  MonitorSmartphone,
  Moon,
  Palette,
  SquareKanban,
  Telescope,
  UserPlus,
  Users,
} from "lucide-react";
import { type ReactNode, useEffect, useMemo, useState } from "react";
import { navigate } from "wouter/use-browser-location";
import type { Id, RoomView, SearchHit, User } from "../../core/wire";
import { useIndex } from "../boards/index/use-index";
import { boardPath, MINE, OVERVIEW } from "../boards/paths";
import { useSettled } from "../lib/hooks";
import { byRecency, fold, matches, personName, plural, roomTitle } from "../lib/names";
import { prefer, usePreferences } from "../lib/preferences";
import { excerpt } from "../lib/rich";
import { isAdmin, isInside, messagePath, roomPath } from "../lib/rooms";
import { briefTime } from "../lib/time";
import { Avatar } from "../parts/Avatar";
import { ICON } from "../parts/icon";
import { attempt, messageOf, note, openOverlay } from "../state";
import { actions, useStore } from "../store";

export interface Result {
  id: string;
  sign: ReactNode;
  label: string;
  /** Words to make bold in the label. */
  found?: string;
  body?: string;
  detail?: string;
  run: () => void;
}

export interface ResultSection {
  title: string;
  results: Result[];
}

const MOST = 6;
const SHORTEST = 2;

/** What fits the query: rooms, people and actions at once, messages as soon as the server answers. */
export function useResults(query: string, scope: Id | undefined): { sections: ResultSection[]; searching: boolean } {
  const rooms = useRooms(scope ? null : query);
  const boards = useBoardResults(scope ? null : query);
  const people = usePeople(scope ? null : query);
  const acts = useActs(scope ? null : query);
  const { messages, searching } = useMessages(query, scope);
  const sections = [
    { title: "Rooms", results: rooms },
    { title: "Boards", results: boards },
    { title: "People", results: people },
    { title: "Messages", results: messages },
    { title: "Actions", results: acts },
  ];
  return { sections: sections.filter((section) => section.results.length > 0), searching };
}

const icon = (Icon: LucideIcon) => <Icon {...ICON} />;

/** Names that begin with the query come first. */
function startsFirst(query: string) {
  const wanted = fold(query);
  return (a: string, b: string) => Number(fold(b).startsWith(wanted)) - Number(fold(a).startsWith(wanted));
}

function useRooms(query: string | null): Result[] {
  const rooms = useStore((state) => state.rooms);
  const people = useStore((state) => state.people);
  const me = useStore((state) => state.me?.id);
  return useMemo(() => {
    if (query === null) return [];
    const order = startsFirst(query);
    const titled = Object.values(rooms).map((room) => ({ room, title: roomTitle(room, people, me) }));
    return titled
      .filter(({ room, title }) => (query.trim() === "" ? room.joined && !room.archived : matches(title, query)))
      .sort(
        (a, b) => order(a.title, b.title) || Number(b.room.joined) - Number(a.room.joined) || byRecency(a.room, b.room),
      )
      .slice(0, MOST)
      .map(({ room, title }) => ({
        id: room.id,
        sign: icon(signOf(room)),
        label: title,
        detail: room.archived
          ? "archived"
          : !room.joined
            ? "not joined"
            : room.unread
              ? plural(room.unread, "unread", "unread")
              : "",
        run: () => navigate(roomPath(room.id)),
      }));
  }, [query, rooms, people, me]);
}

/** Boards by name; an empty query is for conversations. */
function useBoardResults(query: string | null): Result[] {
  const { boards } = useIndex();
  return useMemo(() => {
    if (!query?.trim() || !boards) return [];
    const order = startsFirst(query);
    return boards
      .filter(({ name }) => matches(name, query))
      .sort((a, b) => order(a.name, b.name))
      .slice(0, MOST)
      .map(({ id, name }) => ({ id, sign: icon(SquareKanban), label: name, run: () => navigate(boardPath(id)) }));
  }, [query, boards]);
}

function signOf(room: RoomView): LucideIcon {
  if (room.kind === "direct") return MessagesSquare;
  return room.kind === "private" ? Lock : Hash;
}

function usePeople(query: string | null): Result[] {
  const people = useStore((state) => state.people);
  const online = useStore((state) => state.online);
  const me = useStore((state) => state.me?.id);
  const inside = useStore(isInside);
  return useMemo(() => {
    if (query === null || query.trim() === "" || !inside) return [];
    const order = startsFirst(query);
    return Object.values(people)
      .filter(
        (user) =>
          user.active && user.id !== me && user.role !== "guest" && matches(`${user.name} ${user.title}`, query),
      )
      .sort((a, b) => order(a.name, b.name) || a.name.localeCompare(b.name))
      .slice(0, MOST)
      .map((user) => ({
        id: user.id,
        sign: <Avatar user={user} size="sm" online={online[user.id] === true} on="var(--raised)" />,
        label: user.name,
        detail: user.title,
        run: () => void writeTo(user),
      }));
  }, [query, people, online, me, inside]);
}

function writeTo(user: User): Promise<boolean> {
  return attempt(async () => {
    const room = await actions.createRoom({ kind: "direct", members: [user.id] });
    navigate(roomPath(room.id));
  });
}

function useActs(query: string | null): Result[] {
  const inside = useStore(isInside);
  const admin = useStore(isAdmin);
  const guest = useStore((state) => state.me?.role === "guest");
  return useMemo(() => {
    if (query === null) return [];
    const act = (id: string, sign: LucideIcon, label: string, run: () => void, allowed = true) => ({
      id,
      sign,
      label,
      run,
      allowed,
    });
    const all = [
      act("new-room", Hash, "New room", () => openOverlay({ name: "new-room" }), inside),
      act(
        "new-direct",
        MessageSquarePlus,
        "New direct conversation",
        () => openOverlay({ name: "new-direct" }),
        inside,
      ),
      act("browse", Telescope, "Browse open rooms", () => openOverlay({ name: "browse-rooms" }), inside),
      act("invite", UserPlus, "Invite people", () => openOverlay({ name: "invite" }), inside),
      act("new-task", ListTodo, "New task", () => openOverlay({ name: "new-task", title: "" }), inside),
      act("my-tasks", ListTodo, "My tasks", () => navigate(MINE), !guest),
      act("boards", SquareKanban, "Boards", () => navigate(OVERVIEW), !guest),
      act("people", Users, "People", () => navigate("/people"), inside),
      act("operations", Activity, "Operations", () => navigate("/operations"), admin),
      act("read", CheckCheck, "Mark everything as read", () => {
        actions.markAllRead();
        note("Everything is marked as read.");
      }),
      act("theme", Moon, "Switch between light and dark", switchTheme),
      act("profile", CircleUser, "Profile", () => navigate("/settings/profile"), !guest),
      act("sessions", MonitorSmartphone, "Sessions", () => navigate("/settings/sessions"), !guest),
      act("appearance", Palette, "Appearance", () => navigate("/settings/appearance")),
      act("shortcuts", Keyboard, "Keyboard shortcuts", () => openOverlay({ name: "shortcuts" })),
      act("sign-out", LogOut, "Sign out", () => void attempt(actions.signOut)),
    ];
    return all
      .filter((one) => one.allowed && (query.trim() === "" || matches(one.label, query)))
      .slice(0, query.trim() === "" ? 4 : MOST)
      .map(({ sign, ...one }) => ({ ...one, sign: icon(sign) }));
  }, [query, inside, admin, guest]);
}

function switchTheme(): void {
  const { theme } = usePreferences.getState();
  const dark = theme === "dark" || (theme === "system" && window.matchMedia("(prefers-color-scheme: dark)").matches);
  prefer({ theme: dark ? "light" : "dark" });
}

function useMessages(query: string, scope: Id | undefined): { messages: Result[]; searching: boolean } {
  const settled = useSettled(query.trim(), 180);
  const people = useStore((state) => state.people);
  const rooms = useStore((state) => state.rooms);
  const me = useStore((state) => state.me?.id);
  const [hits, setHits] = useState<SearchHit[]>([]);
  const [searching, setSearching] = useState(false);
  useEffect(() => {
    if (settled.length < SHORTEST) {
      setHits([]);
      setSearching(false);
      return;
    }
    let current = true;
    setSearching(true);
    actions
      .search(settled, scope)
      .then(
        (found) => current && setHits(found),
        (error: unknown) => current && note(messageOf(error), true),
      )
      .finally(() => current && setSearching(false));
    return () => {
      current = false;
    };
  }, [settled, scope]);
  const messages = hits.slice(0, 20).map(({ message, room_name }) => {
    const author = people[message.author];
    const room = rooms[message.room];
    const place = room ? roomTitle(room, people, me) : room_name;
    return {
      id: message.id,
      sign: <Avatar user={author} size="sm" />,
      label: around(message.body, settled),
      found: settled,
      body: scope ? personName(author) : `${personName(author)} in ${place}`,
      detail: briefTime(message.created_at),
      run: () => navigate(messagePath(message.room, message.seq)),
    };
  });
  return { messages, searching };
}

/** The part of a message where the searched word stands. */
function around(body: string, query: string): string {
  const plain = excerpt(body, 4000);
  const at = plain.toLocaleLowerCase().indexOf(query.toLocaleLowerCase().split(/\s+/)[0] ?? "");
  if (at < 80) return excerpt(plain, 180);
  return `…${excerpt(plain.slice(plain.lastIndexOf(" ", at - 40) + 1), 180)}`;
}
