import { useMemo } from "react";
import { useLocation, useSearchParams } from "wouter";
import type { State } from "../../core/store";
import type { Id, RoomView } from "../../core/wire";
import { useStore } from "../store";
import { byRecency, roomTitle } from "./names";

export interface Conversations {
  rooms: RoomView[];
  direct: RoomView[];
}

/** What the sidebar lists, newest activity first; archived rooms only while something in them is unread. */
export function conversationsOf(rooms: State["rooms"]): Conversations {
  const joined = Object.values(rooms).filter((room) => room.joined && (!room.archived || room.unread > 0));
  joined.sort(byRecency);
  return {
    rooms: joined.filter((room) => room.kind !== "direct"),
    direct: joined.filter((room) => room.kind === "direct"),
  };
}

export function useConversations(): Conversations {
  const rooms = useStore((state) => state.rooms);
  return useMemo(() => conversationsOf(rooms), [rooms]);
}

export function useRoomTitle(room: RoomView | undefined): string {
  return useStore((state) => (room ? roomTitle(room, state.people, state.me?.id) : ""));
}

export const roomPath = (room: Id) => `/r/${room}`;
export const messagePath = (room: Id, seq: number) => `/r/${room}/m/${seq}`;

/** Room shown, if the address names one. */
export function useOpenRoom(): Id | undefined {
  const [path] = useLocation();
  return /^\/r\/([^/]+)/.exec(path)?.[1];
}

export type Panel = { name: "members" } | { name: "details" } | { name: "thread"; root: Id };

/** The right panel lives in the address, so that "back" closes it. */
export function usePanel(): [Panel | null, (panel: Panel | null) => void] {
  const [params, setParams] = useSearchParams();
  const root = params.get("thread");
  const name = params.get("panel");
  const panel: Panel | null = root
    ? { name: "thread", root }
    : name === "members" || name === "details"
      ? { name }
      : null;
  return [
    panel,
    (next) => {
      if (!next) setParams({}, { replace: true });
      else
        setParams(next.name === "thread" ? { thread: next.root } : { panel: next.name }, { replace: panel !== null });
    },
  ];
}

export function isAdmin(state: State): boolean {
  return state.me?.role === "owner" || state.me?.role === "admin";
}

/** Members of the company, as opposed to clients and guests. */
export function isInside(state: State): boolean {
  return isAdmin(state) || state.me?.role === "member";
}
