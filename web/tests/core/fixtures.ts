import { vi } from "vitest";
import type { Entry, Id, Message, RoomView, User } from "../../src/core/wire";

export const AT = "2026-11-21T08:00:00.000Z";

export function user(id: Id, role: User["role"] = "member"): User {
  return { id, name: `Person ${id}`, role, title: "", active: true, created_at: AT };
}

export function roomView(id: Id, change: Partial<RoomView> = {}): RoomView {
  return {
    id,
    name: id,
    topic: "",
    kind: "open",
    created_at: AT,
    archived: false,
    head: 0,
    joined: true,
    members: [],
    read: 0,
    unread: 0,
    mentions: 0,
    last_message_at: null,
    ...change,
  };
}

export function message(room: Id, seq: number, author: Id, change: Partial<Message> = {}): Message {
  return {
    id: `${room}-${seq}`,
    room,
    seq,
    author,
    body: `words ${seq}`,
    reply_to: null,
    replies: 0,
    reactions: [],
    mentions: [],
    attachments: [],
    created_at: AT,
    edited_at: null,
    deleted: false,
    ...change,
  };
}

export function entry(stream: Id, seq: number, kind = "message.posted", data: unknown = {}, actor = "other"): Entry {
  return { stream, seq, kind, actor, at: AT, data };
}

/** Mulberry32: random numbers that a seed replays. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** How long anything may take; slow machines need it, fast ones never wait. */
export const PATIENCE_MS = 60_000;

/** Waits until nothing is thrown any more. */
export function eventually(check: () => unknown): Promise<unknown> {
  return vi.waitFor(check, PATIENCE_MS);
}

/** Lets everything that waits on promises alone go on. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
}
