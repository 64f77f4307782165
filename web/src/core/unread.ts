import type { Timeline } from "./store";
import type { Id, RoomView } from "./wire";

/** The server counts no further; "99+" is shown. */
export const MOST_UNREAD = 100;

export interface Counts {
  unread: number;
  mentions: number;
}

/** Whether every message after `seq` is in the window. */
export function reaches(timeline: Timeline | undefined, seq: number): timeline is Timeline {
  if (!timeline || timeline.hasAfter || timeline.loading === "initial") return false;
  const first = timeline.messages.find((message) => message.delivery === "sent");
  return !timeline.hasBefore || (first !== undefined && first.seq <= seq + 1);
}

/** Messages of others after `seq`; as far as can be known without the server. */
export function countAfter(view: RoomView, timeline: Timeline | undefined, seq: number, me: Id): Counts {
  if (seq >= view.head) return { unread: 0, mentions: 0 };
  if (!reaches(timeline, seq)) return { unread: view.unread, mentions: view.mentions };
  const counts = { unread: 0, mentions: 0 };
  for (let place = timeline.messages.length - 1; place >= 0; place -= 1) {
    const message = timeline.messages[place];
    if (message?.delivery !== "sent") continue;
    if (message.seq <= seq) break;
    if (message.author === me || message.deleted) continue;
    counts.unread += 1;
    if (message.mentions.includes(me)) counts.mentions += 1;
  }
  return { unread: Math.min(MOST_UNREAD, counts.unread), mentions: Math.min(MOST_UNREAD, counts.mentions) };
}
