/**
 * The seam between what knows the server (core/) and what draws (ui/): the state the interface reads and the verbs it calls.
 * The state is one zustand store; every change of it comes from an entry, a signal, a loaded page or one of these verbs.
 */
import type { LinkedTask } from "./boards/wire";
import type {
  Entry,
  Id,
  Invitation,
  Message,
  Role,
  RoomKind,
  RoomView,
  SearchHit,
  Session,
  Setup,
  Stats,
  User,
  Workspace,
} from "./wire";

export type Delivery = "sending" | "sent" | "failed";

/** A message as the timeline shows it: the server's, or one of ours still in the outbox. */
export interface TimelineMessage extends Message {
  /** The outbox key; stable from "sending" to "sent", so the row keeps its identity. */
  key?: string;
  delivery: Delivery;
  /** Why it failed: one sentence. */
  error?: string;
  /** Every entry of the room's stream up to this seq is contained. A message still in the outbox has none, and seq 0. */
  asOf?: number;
}

export interface Timeline {
  /** Confirmed messages by seq, oldest first, then pending ones in the order they were written. */
  messages: TimelineMessage[];
  hasBefore: boolean;
  hasAfter: boolean;
  loading: "initial" | "before" | "after" | null;
  error: string | null;
  /** The read mark when the room was opened: the unread line stands after it. */
  unreadFrom: number | null;
}

export interface Connection {
  state: "connecting" | "online" | "reconnecting" | "offline";
  /** Unacknowledged commands waiting in the outbox. */
  queued: number;
  /** After a reconnect: how many messages arrived meanwhile; null when there is nothing to say. */
  caughtUp: number | null;
  /** The server runs a newer client than this page. */
  update: boolean;
}

export interface State {
  /** "starting" until it is known whether somebody is signed in. */
  phase: "starting" | "signed-out" | "signed-in";
  setup: Setup | null;
  me: User | null;
  workspace: Workspace | null;
  people: Record<Id, User>;
  online: Record<Id, true>;
  rooms: Record<Id, RoomView>;
  timelines: Record<Id, Timeline>;
  threads: Record<Id, TimelineMessage[]>;
  /** Room → person → when the typing notice runs out (ms since the epoch). */
  typing: Record<Id, Record<Id, number>>;
  drafts: Record<string, string>;
  /** Message → the tasks made from it, as far as one may see their boards. */
  linked: Record<Id, LinkedTask[]>;
  /** What one's own stream told last of tasks. */
  notice: Entry | null;
  stats: Stats | null;
  connection: Connection;
}

/** Verbs reject with `ApiError` (core/api.ts), whose `message` is fit to be shown. */
export interface Actions {
  start(): Promise<void>;
  signUp(form: { name: string; email: string; password: string; invite?: string; workspace?: string }): Promise<void>;
  signIn(form: { email: string; password: string; totp?: string }): Promise<void>;
  joinAsGuest(form: { invite: string; name: string }): Promise<User>;
  signOut(): Promise<void>;
  changePassword(current: string, next: string): Promise<void>;

  /** Loads the newest page if needed, follows the room and sets `unreadFrom`. */
  openRoom(room: Id): Promise<void>;
  loadBefore(room: Id): Promise<void>;
  loadAfter(room: Id): Promise<void>;
  /** Replaces the timeline with the surroundings of a message. */
  jumpTo(room: Id, seq: number): Promise<void>;
  jumpToEnd(room: Id): Promise<void>;
  openThread(root: Id): Promise<void>;

  /** Never rejects: the message goes through the outbox and its `delivery` tells how it fares. */
  post(room: Id, body: string, replyTo?: Id): void;
  retry(key: string): void;
  discard(key: string): void;
  edit(message: Id, body: string): Promise<void>;
  remove(message: Id): Promise<void>;
  react(message: Id, emoji: string, on: boolean): Promise<void>;
  markRead(room: Id, seq: number): void;
  markAllRead(): void;
  /** Tell the others; throttled inside. */
  type(room: Id): void;
  setDraft(where: string, text: string): void;

  /** A direct conversation has no name. */
  createRoom(form: { name?: string; kind: RoomKind; topic?: string; members?: Id[] }): Promise<RoomView>;
  changeRoom(room: Id, change: { name?: string; topic?: string; archived?: boolean }): Promise<void>;
  deleteRoom(room: Id): Promise<void>;
  joinRoom(room: Id): Promise<void>;
  leaveRoom(room: Id): Promise<void>;
  addMember(room: Id, user: Id): Promise<void>;
  removeMember(room: Id, user: Id): Promise<void>;

  updateMe(change: { name?: string; title?: string }): Promise<void>;
  updateUser(user: Id, change: { role?: Role; active?: boolean }): Promise<void>;
  sessions(): Promise<Session[]>;
  endSession(id: Id): Promise<void>;
  invite(form: { role: Role; room?: Id; email?: string; expires_in?: number; uses?: number }): Promise<Invitation>;
  invitations(): Promise<Invitation[]>;
  invitation(code: string): Promise<Invitation>;
  withdrawInvitation(code: string): Promise<void>;

  search(query: string, room?: Id): Promise<SearchHit[]>;
  addSample(): Promise<void>;
  removeSample(): Promise<void>;
}
