import type { TimelineMessage } from "../../core/store";
import { dayNumber } from "./time";

/** What the timeline draws for one message; primitives, so that an unchanged row is recognised as such. */
export interface Row {
  key: string;
  message: TimelineMessage;
  /** Follows a message of the same author closely: neither avatar nor name are repeated. */
  grouped: boolean;
  /** First message of a local day. */
  opensDay: boolean;
  /** First message of others after the read mark. */
  opensUnread: boolean;
}

const GROUP_MS = 5 * 60_000;

export function rowKey(message: TimelineMessage): string {
  return message.key ?? message.id;
}

/**
 * Lays messages out: days, groups and the one unread line.
 *
 * The line is left out while nothing before it is loaded (`knowsStart` false): it would stand in the wrong place.
 */
export function buildRows(
  messages: TimelineMessage[],
  options: { me: string | undefined; unreadFrom: number | null; knowsStart: boolean },
): Row[] {
  const { me, unreadFrom, knowsStart } = options;
  const first = messages[0];
  let lineDue = unreadFrom !== null && first !== undefined && (knowsStart || first.seq <= unreadFrom);
  let before: TimelineMessage | undefined;
  let day = Number.NaN;
  return messages.map((message) => {
    const ownDay = dayNumber(message.created_at);
    const opensDay = ownDay !== day;
    const opensUnread =
      lineDue && message.author !== me && message.delivery === "sent" && message.seq > (unreadFrom ?? 0);
    if (opensUnread) lineDue = false;
    const grouped = !opensDay && !opensUnread && before !== undefined && belongsTo(before, message);
    before = message;
    day = ownDay;
    return { key: rowKey(message), message, grouped, opensDay, opensUnread };
  });
}

function belongsTo(before: TimelineMessage, message: TimelineMessage): boolean {
  if (before.author !== message.author || before.deleted || message.deleted) return false;
  if (message.reply_to !== before.reply_to) return false;
  const gap = Date.parse(message.created_at) - Date.parse(before.created_at);
  return gap < GROUP_MS;
}

/** A fair first guess of a row's height in pixels, before it is measured. */
export function estimateHeight(row: Row, width: number): number {
  const perLine = Math.max(30, width / 7.6);
  const lines = row.message.body
    .split("\n")
    .reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / perLine)), 0);
  const extras =
    (row.opensDay ? 40 : 0) +
    (row.opensUnread ? 24 : 0) +
    (row.message.reactions.length ? 32 : 0) +
    (row.message.reply_to ? 24 : 0) +
    (row.message.replies ? 28 : 0);
  return Math.round((row.grouped ? 4 : 32) + lines * 22.5 + extras);
}
