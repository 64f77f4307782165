/** A small state for component tests, in the shape that core/ keeps. */
import { vi } from "vitest";
import { create } from "zustand";
import type { Actions, State, TimelineMessage } from "../../src/core/store";
import type { RoomView, User } from "../../src/core/wire";

export function person(id: string, name: string, more: Partial<User> = {}): User {
  return { id, name, role: "member", title: "", active: true, created_at: "2026-11-01T08:00:00.000Z", ...more };
}

export function said(seq: number, author: string, at: string, more: Partial<TimelineMessage> = {}): TimelineMessage {
  return {
    id: `m${seq}`,
    room: "r1",
    seq,
    author,
    body: `message ${seq}`,
    reply_to: null,
    replies: 0,
    reactions: [],
    mentions: [],
    attachments: [],
    created_at: at,
    edited_at: null,
    deleted: false,
    delivery: "sent",
    ...more,
  };
}

export const room: RoomView = {
  id: "r1",
  name: "launch",
  topic: "",
  kind: "open",
  created_at: "2026-11-01T08:00:00.000Z",
  archived: false,
  head: 10,
  joined: true,
  members: ["ana", "ben", "bea"],
  read: 10,
  unread: 0,
  mentions: 0,
  last_message_at: null,
};

const ana = person("ana", "Ana Kovač", { role: "owner" });

export const start: State = {
  phase: "signed-in",
  setup: null,
  me: ana,
  workspace: { id: "w", name: "Northwind", sample: false },
  people: { ana, ben: person("ben", "Ben Okafor", { title: "Engineering" }), bea: person("bea", "Bea Ben-David") },
  online: {},
  rooms: { r1: room },
  timelines: {},
  threads: {},
  typing: {},
  drafts: {},
  linked: {},
  notice: null,
  stats: null,
  connection: { state: "online", queued: 0, caughtUp: null, update: false },
};

export const useStore = create<State>(() => start);

/** Every verb is a spy that succeeds. */
export const actions = new Proxy({} as Record<string, ReturnType<typeof vi.fn>>, {
  get(made, verb: string) {
    made[verb] ??= vi.fn(async () => undefined);
    return made[verb];
  },
}) as unknown as { [verb in keyof Actions]: ReturnType<typeof vi.fn> };

export function anew(): void {
  useStore.setState(start, true);
  for (const verb of Object.values(actions)) verb.mockClear();
}
