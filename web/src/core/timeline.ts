/** A room's window of messages, as pure functions. A message that does not change stays the same object. */
import type { Timeline, TimelineMessage } from "./store";
import type { Message, MessagePage } from "./wire";

/** Confirmed messages kept in memory per room. */
export const WINDOW = 2_000;

export const EMPTY: Timeline = {
  messages: [],
  hasBefore: false,
  hasAfter: false,
  loading: null,
  error: null,
  unreadFrom: null,
};

export function confirmed(message: Message, asOf: number, key?: string): TimelineMessage {
  return { ...message, delivery: "sent", asOf, ...(key === undefined ? {} : { key }) };
}

export function fromPage(page: MessagePage): Timeline {
  return {
    ...EMPTY,
    messages: page.items.map((message) => confirmed(message, page.head)),
    hasBefore: page.has_before,
    hasAfter: page.has_after,
  };
}

/** How many of the messages are confirmed; they stand before the pending ones. */
export function countConfirmed(messages: TimelineMessage[]): number {
  let count = messages.length;
  while (count > 0 && messages[count - 1]?.delivery !== "sent") count -= 1;
  return count;
}

/** Joins an older page before, or a newer one after, what is there, and lets go of the far end. */
export function joinOlder(timeline: Timeline, older: Timeline): Timeline {
  const first = timeline.messages[0];
  const fits =
    first?.delivery === "sent" ? older.messages.filter((message) => message.seq < first.seq) : older.messages;
  const joined = { ...timeline, messages: [...fits, ...timeline.messages], hasBefore: older.hasBefore, loading: null };
  return trimEnd(joined);
}

export function joinNewer(timeline: Timeline, newer: Timeline): Timeline {
  const count = countConfirmed(timeline.messages);
  const last = timeline.messages[count - 1]?.seq ?? -1;
  const fits = newer.messages.filter((message) => message.seq > last);
  const messages = [...timeline.messages.slice(0, count), ...fits, ...timeline.messages.slice(count)];
  return trimStart({ ...timeline, messages, hasAfter: newer.hasAfter, loading: null });
}

function trimStart(timeline: Timeline): Timeline {
  const excess = countConfirmed(timeline.messages) - WINDOW;
  return excess > 0 ? { ...timeline, messages: timeline.messages.slice(excess), hasBefore: true } : timeline;
}

/** Pending messages belong to the end, so they go with it; `withPending` brings them back there. */
function trimEnd(timeline: Timeline): Timeline {
  const excess = countConfirmed(timeline.messages) - WINDOW;
  return excess > 0 ? { ...timeline, messages: timeline.messages.slice(0, WINDOW), hasAfter: true } : timeline;
}

/** Puts a posted message where its seq says, in the place of the pending one with the same key. */
export function insertPosted(timeline: Timeline, message: TimelineMessage): Timeline {
  const { key } = message;
  let { messages } = timeline;
  const pending =
    key === undefined ? -1 : messages.findIndex((other) => other.key === key && other.delivery !== "sent");
  if (pending >= 0) messages = messages.toSpliced(pending, 1);
  const count = countConfirmed(messages);
  let place = count;
  while (place > 0 && (messages[place - 1] as TimelineMessage).seq > message.seq) place -= 1;
  const present = messages[place - 1]?.id === message.id;
  const beyondEnd = place === count && timeline.hasAfter;
  const beyondStart = place === 0 && timeline.hasBefore;
  if (present || beyondEnd || beyondStart) return messages === timeline.messages ? timeline : { ...timeline, messages };
  return trimStart({ ...timeline, messages: messages.toSpliced(place, 0, message) });
}

/** Changes one message of a list; the same list when it is not there or `change` gives it back as it is. */
export function changeMessage(
  messages: TimelineMessage[],
  id: string,
  change: (message: TimelineMessage) => TimelineMessage,
): TimelineMessage[] {
  const place = messages.findLastIndex((message) => message.id === id);
  const before = messages[place];
  if (before === undefined) return messages;
  const after = change(before);
  return after === before ? messages : messages.with(place, after);
}

/** A message of ours that waits in the outbox. */
export interface Pending {
  key: string;
  room: string;
  author: string;
  body: string;
  replyTo: string | null;
  createdAt: string;
  /** The room's cursor when it was written: only a later message can be this one. */
  after: number;
  /** It may have reached the server without our having heard. */
  tried: boolean;
  error: string | null;
}

/**
 * The same messages with exactly these pending ones at the end (unless the window does not reach the end).
 *
 * A page loaded after a lost ack may contain a pending message, without its key. One of ours with the same words that is
 * newer than the cursor it was written at is taken for it, so that it does not stand there twice until the ack comes.
 */
export function withPending(timeline: Timeline, pending: Pending[]): Timeline {
  const messages = mergePending(timeline.messages, timeline.hasAfter ? [] : pending);
  return messages === timeline.messages ? timeline : { ...timeline, messages };
}

export function mergePending(messages: TimelineMessage[], pending: Pending[]): TimelineMessage[] {
  const count = countConfirmed(messages);
  if (!pending.length && count === messages.length) return messages;
  let merged = messages.slice(0, count);
  const known = new Map(messages.slice(count).map((message) => [message.key, message]));
  const rows: TimelineMessage[] = [];
  for (const item of pending) {
    const place = merged.findLastIndex((message) => message.key === item.key || isSame(message, item));
    const match = merged[place];
    if (match && match.key === undefined) merged = merged.with(place, { ...match, key: item.key });
    if (!match) rows.push(unchanged(known.get(item.key), item) ?? pendingMessage(item));
  }
  return [...merged, ...rows];
}

function isSame(message: TimelineMessage, item: Pending): boolean {
  return (
    item.tried &&
    item.error === null &&
    message.key === undefined &&
    message.seq > item.after &&
    message.author === item.author &&
    message.body === item.body &&
    (message.reply_to !== null) === (item.replyTo !== null)
  );
}

function unchanged(row: TimelineMessage | undefined, item: Pending): TimelineMessage | undefined {
  const same = row && (row.delivery === "failed") === (item.error !== null) && (row.error ?? null) === item.error;
  return same ? row : undefined;
}

function pendingMessage(item: Pending): TimelineMessage {
  return {
    id: item.key,
    key: item.key,
    room: item.room,
    seq: 0,
    author: item.author,
    body: item.body,
    reply_to: item.replyTo,
    replies: 0,
    reactions: [],
    mentions: [],
    attachments: [],
    created_at: item.createdAt,
    edited_at: null,
    deleted: false,
    delivery: item.error === null ? "sending" : "failed",
    ...(item.error === null ? {} : { error: item.error }),
  };
}
