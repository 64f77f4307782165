/**
 * One entry applied to the state, as pure functions: the result equals the state loaded afresh after that entry.
 *
 * Loaded state may be ahead of the entries still to come: a RoomView knows by `head`, a message by `asOf`, up to which
 * seq everything is contained in it, and entries up to there leave it alone.
 */
import type { State, Timeline, TimelineMessage } from "./store";
import { changeMessage, confirmed, insertPosted } from "./timeline";
import { countAfter, MOST_UNREAD } from "./unread";
import type {
  Entry,
  Id,
  Membership,
  Message,
  MessageDeleted,
  ReactionChange,
  ReadMark,
  Room,
  RoomView,
  User,
  Workspace,
} from "./wire";

/** What an entry can change. */
export type Shared = Pick<State, "me" | "workspace" | "people" | "rooms" | "timelines" | "threads" | "typing">;

/** Answers kept in an open thread. */
const THREAD = 500;

export function reduce<S extends Shared>(state: S, entry: Entry): S {
  if (entry.stream === state.me?.id) return reducePerson(state, entry);
  if (entry.stream === state.workspace?.id) return reduceWorkspace(state, entry);
  return reduceRoom(state, entry);
}

function reducePerson<S extends Shared>(state: S, entry: Entry): S {
  switch (entry.kind) {
    case "read.moved": {
      const { room, seq } = entry.data as ReadMark;
      return moveRead(state, room, seq);
    }
    case "member.left":
      return leaveRoom(state, (entry.data as Membership).room);
    case "user.changed":
      return changeUser(state, entry.data as User);
    default:
      // `member.joined` needs the room to be loaded: see consequences.ts.
      return state;
  }
}

function reduceWorkspace<S extends Shared>(state: S, entry: Entry): S {
  switch (entry.kind) {
    case "user.changed":
      return changeUser(state, entry.data as User);
    case "workspace.changed":
      return { ...state, workspace: entry.data as Workspace };
    case "room.changed": {
      const room = entry.data as Room;
      // A joined room hears of its change in its own stream.
      return changeRoom(state, room.id, (view) => (view.joined ? view : { ...view, ...room }));
    }
    case "room.deleted":
      return dropRoom(state, (entry.data as Room).id);
    default:
      return state;
  }
}

function reduceRoom<S extends Shared>(state: S, entry: Entry): S {
  if (entry.kind === "room.deleted") return dropRoom(state, entry.stream);
  const next = reduceMessages(state, entry);
  const view = next.rooms[entry.stream];
  if (!view || entry.seq <= view.head) return next;
  const changed = { ...reduceView(next, view, entry), head: entry.seq };
  return { ...next, rooms: { ...next.rooms, [view.id]: changed } };
}

function reduceView(state: Shared, view: RoomView, entry: Entry): RoomView {
  switch (entry.kind) {
    case "room.created":
    case "room.changed":
      return { ...view, ...(entry.data as Room) };
    case "member.joined": {
      const { user } = entry.data as Membership;
      return view.members.includes(user) ? view : { ...view, members: [...view.members, user] };
    }
    case "member.left": {
      const { user } = entry.data as Membership;
      return { ...view, members: view.members.filter((member) => member !== user) };
    }
    case "message.posted": {
      const message = entry.data as Message;
      const others = message.author !== state.me?.id && !message.deleted;
      const counts = view.joined && others && message.seq > view.read;
      const mentioned = counts && state.me !== null && message.mentions.includes(state.me.id);
      return {
        ...view,
        last_message_at: message.created_at,
        unread: Math.min(MOST_UNREAD, view.unread + (counts ? 1 : 0)),
        mentions: Math.min(MOST_UNREAD, view.mentions + (mentioned ? 1 : 0)),
      };
    }
    default:
      // What an edit or a deletion does to the counts is asked of the server: see consequences.ts.
      return view;
  }
}

/** The timeline, an open thread and typing notices. */
export function reduceMessages<S extends Shared>(state: S, entry: Entry): S {
  switch (entry.kind) {
    case "message.posted":
      return post(state, entry);
    case "message.edited": {
      const { id, body, mentions, edited_at, attachments, deleted } = entry.data as Message;
      // An edit of a message deleted later is scrubbed, and tells counts of a later time: only the words are taken.
      return change(state, entry, id, (message) => ({ ...message, body, mentions, edited_at, attachments, deleted }));
    }
    case "message.deleted": {
      const { id, reply_to } = entry.data as MessageDeleted;
      const erased = change(state, entry, id, erase);
      return reply_to === null ? erased : change(erased, entry, reply_to, (root) => addReplies(root, -1));
    }
    case "reaction.added":
    case "reaction.removed": {
      const data = entry.data as ReactionChange;
      return change(state, entry, data.message, (message) => react(message, data, entry.kind === "reaction.added"));
    }
    default:
      return state;
  }
}

function post<S extends Shared>(state: S, entry: Entry): S {
  const data = entry.data as Message;
  const key = data.author === state.me?.id ? entry.key : undefined;
  // A scrubbed entry tells the counts of a later time; when it was posted there were none.
  const message = confirmed({ ...data, replies: 0, reactions: [] }, entry.seq, key);
  let next = insertMessage(state, message);
  if (message.reply_to !== null) next = change(next, entry, message.reply_to, (root) => addReplies(root, 1));
  return stopTyping(next, message.room, message.author);
}

/** Puts a posted message into the timeline and the thread that hold its place, if they are loaded. */
export function insertMessage<S extends Shared>(state: S, message: TimelineMessage): S {
  let next = state;
  const timeline = next.timelines[message.room];
  if (timeline) next = putTimeline(next, message.room, insertPosted(timeline, message));
  const thread = message.reply_to === null ? undefined : next.threads[message.reply_to];
  if (message.reply_to !== null && thread) {
    const whole: Timeline = {
      messages: thread,
      hasBefore: false,
      hasAfter: false,
      loading: null,
      error: null,
      unreadFrom: null,
    };
    let { messages } = insertPosted(whole, message);
    if (messages.length > THREAD) messages = messages.toSpliced(1, messages.length - THREAD);
    if (messages !== thread) next = { ...next, threads: { ...next.threads, [message.reply_to]: messages } };
  }
  return next;
}

/** A message as a command's answer gives it: the state of it at that seq. */
export function putMessage<S extends Shared>(state: S, message: Message, seq: number): S {
  const entry = { stream: message.room, seq };
  return change(state, entry, message.id, (before) => ({ ...before, ...message }));
}

function change<S extends Shared>(
  state: S,
  entry: Pick<Entry, "stream" | "seq">,
  id: Id,
  apply: (message: TimelineMessage) => TimelineMessage,
): S {
  const step = (message: TimelineMessage) =>
    entry.seq <= (message.asOf ?? 0) ? message : { ...apply(message), asOf: entry.seq };
  return changeEverywhere(state, entry.stream, id, step);
}

function changeEverywhere<S extends Shared>(
  state: S,
  room: Id,
  id: Id,
  step: (message: TimelineMessage) => TimelineMessage,
): S {
  let next = state;
  const timeline = next.timelines[room];
  if (timeline) {
    const messages = changeMessage(timeline.messages, id, step);
    if (messages !== timeline.messages) next = putTimeline(next, room, { ...timeline, messages });
  }
  for (const [root, thread] of Object.entries(next.threads)) {
    const messages = changeMessage(thread, id, step);
    if (messages !== thread) next = { ...next, threads: { ...next.threads, [root]: messages } };
  }
  return next;
}

export function findMessage(state: Shared, id: Id): TimelineMessage | undefined {
  for (const { messages } of Object.values(state.timelines)) {
    const found = messages.find((message) => message.id === id);
    if (found) return found;
  }
  return Object.values(state.threads)
    .flat()
    .find((message) => message.id === id);
}

/** A reaction of one's own before the server has said anything; its entry changes nothing more. */
export function showReaction<S extends Shared>(state: S, room: Id, data: ReactionChange, on: boolean): S {
  return changeEverywhere(state, room, data.message, (message) => react(message, data, on));
}

function erase(message: TimelineMessage): TimelineMessage {
  return { ...message, body: "", reactions: [], mentions: [], deleted: true };
}

function addReplies(root: TimelineMessage, more: number): TimelineMessage {
  return { ...root, replies: Math.max(0, root.replies + more) };
}

function react(message: TimelineMessage, { emoji, user }: ReactionChange, on: boolean): TimelineMessage {
  const at = message.reactions.findIndex((reaction) => reaction.emoji === emoji);
  const before = message.reactions[at];
  const users = (before?.users ?? []).filter((other) => other !== user);
  if (on) users.push(user);
  if (!before) return on ? { ...message, reactions: [...message.reactions, { emoji, users }] } : message;
  const reactions = users.length ? message.reactions.with(at, { emoji, users }) : message.reactions.toSpliced(at, 1);
  return { ...message, reactions };
}

export function moveRead<S extends Shared>(state: S, room: Id, seq: number): S {
  const view = state.rooms[room];
  if (!view || seq <= view.read) return state;
  const counts = countAfter(view, state.timelines[room], seq, state.me?.id ?? "");
  return { ...state, rooms: { ...state.rooms, [room]: { ...view, read: seq, ...counts } } };
}

export function changeRoom<S extends Shared>(state: S, room: Id, apply: (view: RoomView) => RoomView): S {
  const before = state.rooms[room];
  if (!before) return state;
  const after = apply(before);
  return after === before ? state : { ...state, rooms: { ...state.rooms, [room]: after } };
}

/** A room's view as it was just loaded, unless the log has brought the known one further. */
export function putView<S extends Shared>(state: S, view: RoomView): S {
  const known = state.rooms[view.id];
  if (known?.joined && view.joined && view.head < known.head) return state;
  // A mark of ours that is still on its way to the server.
  const ahead = known?.joined && view.joined && known.read > view.read;
  const next = ahead ? { ...view, read: known.read, unread: known.unread, mentions: known.mentions } : view;
  return { ...state, rooms: { ...state.rooms, [view.id]: next } };
}

/** Gone from a room: an open one stays listed, to be joined again. */
export function leaveRoom<S extends Shared>(state: S, room: Id): S {
  const view = state.rooms[room];
  if (!view?.joined) return state;
  if (view.kind !== "open" || !isColleague(state.me)) return dropRoom(state, room);
  const members = view.members.filter((member) => member !== state.me?.id);
  const left = { ...view, joined: false, members, read: 0, unread: 0, mentions: 0 };
  return { ...forget(state, room), rooms: { ...state.rooms, [room]: left } };
}

export function dropRoom<S extends Shared>(state: S, room: Id): S {
  const { [room]: _gone, ...rooms } = state.rooms;
  return { ...forget(state, room), rooms };
}

function forget<S extends Shared>(state: S, room: Id): S {
  const { [room]: _timeline, ...timelines } = state.timelines;
  const { [room]: _typing, ...typing } = state.typing;
  const threads = Object.fromEntries(Object.entries(state.threads).filter(([, thread]) => thread[0]?.room !== room));
  return { ...state, timelines, typing, threads };
}

function isColleague(me: User | null): boolean {
  return me !== null && ["owner", "admin", "member"].includes(me.role);
}

function changeUser<S extends Shared>(state: S, user: User): S {
  // The workspace's stream tells nobody's address; what is known of it stays.
  const known = { ...state.people[user.id], ...user };
  const me = state.me?.id === user.id ? { ...state.me, ...user } : state.me;
  return { ...state, me, people: { ...state.people, [user.id]: known } };
}

function stopTyping<S extends Shared>(state: S, room: Id, user: Id): S {
  if (state.typing[room]?.[user] === undefined) return state;
  const { [user]: _done, ...others } = state.typing[room];
  return { ...state, typing: { ...state.typing, [room]: others } };
}

export function putTimeline<S extends Shared>(state: S, room: Id, timeline: Timeline): S {
  if (state.timelines[room] === timeline) return state;
  return { ...state, timelines: { ...state.timelines, [room]: timeline } };
}
