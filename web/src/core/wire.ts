/** The wire shapes of the HTTP and socket contract, version 1. Times are RFC 3339 UTC strings; ids are UUIDv7 strings. */

export type Id = string;
export type Role = "owner" | "admin" | "member" | "client" | "guest";

export interface User {
  id: Id;
  name: string;
  role: Role;
  /** Present only for oneself and for owners and admins. */
  email?: string | null;
  title: string;
  /** Deactivated people stay listed, because their messages do. */
  active: boolean;
  created_at: string;
}

export interface SignedIn {
  user: User;
  access_token: string;
  /** Seconds the access token lives. */
  expires_in: number;
}

export interface Session {
  id: Id;
  current: boolean;
  user_agent: string;
  address: string;
  created_at: string;
  last_used_at: string;
}

export interface Invitation {
  code: string;
  url: string;
  role: Role;
  room: Id | null;
  room_name: string | null;
  workspace: string;
  inviter: string;
  email: string | null;
  uses_left: number | null;
  expires_at: string;
}

export type RoomKind = "open" | "private" | "direct";

export interface Room {
  /** Also the id of the room's stream. */
  id: Id;
  /** Empty for direct rooms: the client shows the other members' names. */
  name: string;
  topic: string;
  kind: RoomKind;
  created_at: string;
  archived: boolean;
}

/** A room in `GET /api/rooms` and `GET /api/sync`: the room and what it is to the caller. */
export interface RoomView extends Room {
  /** The last `seq` of the room's stream. */
  head: number;
  joined: boolean;
  /** Whether the caller may rename, archive and delete the room. */
  manages?: boolean;
  members: Id[];
  /** The caller's read mark: the `seq` up to which everything was read. */
  read: number;
  /** Messages of others after the read mark, at most 100 (show "99+"). */
  unread: number;
  mentions: number;
  last_message_at: string | null;
}

export interface Reaction {
  emoji: string;
  users: Id[];
}

export interface Attachment {
  id: Id;
  name: string;
  type: string;
  size: number;
  url: string;
}

export interface Message {
  id: Id;
  room: Id;
  /** Place of `message.posted` in the room's stream; messages are ordered by it. */
  seq: number;
  author: Id;
  /** Markdown as typed; empty when deleted. */
  body: string;
  /** The message this one answers; the root of its thread. */
  reply_to: Id | null;
  /** How many messages answer this one. */
  replies: number;
  reactions: Reaction[];
  mentions: Id[];
  attachments: Attachment[];
  created_at: string;
  edited_at: string | null;
  deleted: boolean;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface MessagePage {
  /** In order of `seq`, oldest first. */
  items: Message[];
  /** Whether older or newer ones exist beyond this page. */
  has_before: boolean;
  has_after: boolean;
  /** Head of the room's stream when the page was read: every entry up to it is contained. */
  head: number;
}

export interface SearchHit {
  message: Message;
  room_name: string;
}

export interface Entry<K extends string = string, D = unknown> {
  stream: Id;
  seq: number;
  kind: K;
  actor: Id;
  at: string;
  key?: string;
  data: D;
}

/**
 * Entry kinds and their data.
 *
 * On a room's stream: message.posted | message.edited (Message), message.deleted (MessageDeleted),
 * reaction.added | reaction.removed (ReactionChange), room.created | room.changed | room.deleted (Room),
 * member.joined | member.left (Membership).
 *
 * On the workspace's stream (owners, admins, members): user.changed (User), workspace.changed (Workspace),
 * room.created | room.changed | room.deleted (Room; open rooms only).
 *
 * On the person's own stream (its id is the person's id): read.moved (ReadMark), member.joined | member.left
 * (Membership, about oneself: a room to load or to drop), user.changed (User, oneself).
 */
export interface MessageDeleted {
  id: Id;
  room: Id;
  seq: number;
  reply_to: Id | null;
}
export interface ReactionChange {
  message: Id;
  emoji: string;
  user: Id;
}
export interface Membership {
  room: Id;
  user: Id;
}
export interface ReadMark {
  room: Id;
  seq: number;
}
export interface Workspace {
  /** Also the id of the workspace's stream. */
  id: Id;
  name: string;
  sample: boolean;
}

export interface Sync {
  me: User;
  workspace: Workspace;
  /** Head of every stream to follow: the person's, the workspace's (if allowed), each joined room's. */
  heads: Record<Id, number>;
  rooms: RoomView[];
  people: User[];
  /** Ids of the people who are online. */
  presence: Id[];
  version: string;
}

export interface EntriesPage {
  items: Entry[];
  head: number;
  /** The cursor is older than the log reaches: load the state afresh. */
  reset: boolean;
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  request_id: string;
  errors?: { loc: string[]; msg: string }[];
}

export type Ack<T = object> = ({ ok: true } & T) | { ok: false; error: Problem };

/** `{error}` carries a problem: 403 or 404. */
export type FollowAnswer = { head: number; cutoff: number } | { error: Problem } | { reset: true; head: number };

/** Data of a signal `presence`: of one person, the actor; or of many, without an actor. */
export type Presence = { online: boolean; offline?: undefined } | { online: Id[]; offline: Id[] };

/** kind `typing`: data `{}`; kind `presence`: data is a Presence. */
export interface Signal {
  stream: Id;
  kind: string;
  actor: Id;
  data: Record<string, unknown>;
}

export interface Stats {
  online: number;
  active: number;
  sockets: number;
  messages_per_second: number;
  nodes: number;
}

export interface Setup {
  /** No workspace exists yet: the first sign-up creates it and owns it. */
  first_run: boolean;
  /** Anyone may sign up without an invitation. */
  signup_open: boolean;
  workspace: string | null;
  version: string;
}
