import type { Core } from "../core";
import { findMessage, showReaction } from "../reduce";
import type { Actions } from "../store";
import type { Id, Message } from "../wire";

type Messages = Pick<
  Actions,
  | "openRoom"
  | "loadBefore"
  | "loadAfter"
  | "jumpTo"
  | "jumpToEnd"
  | "openThread"
  | "post"
  | "retry"
  | "discard"
  | "edit"
  | "remove"
  | "react"
  | "markRead"
  | "markAllRead"
  | "type"
  | "setDraft"
>;

/** The others forget a typing notice after five seconds. */
const TYPING_EVERY_MS = 3_000;

export function messageActions(core: Core): Messages {
  const { timelines, outbox, marks } = core;
  const typed = new Map<Id, number>();

  const cursor = (room: Id) => core.follower.cursor(room) ?? core.state.rooms[room]?.head ?? 0;

  async function roomOf(message: Id): Promise<Id> {
    const known = findMessage(core.state, message);
    return known?.room ?? (await core.api.get<Message>(`/api/messages/${message}`)).room;
  }

  const setDraft = (where: string, text: string) => {
    core.drafts.set(where, text);
    core.update((state) => {
      const { [where]: _before, ...others } = state.drafts;
      return { ...state, drafts: text === "" ? others : { ...others, [where]: text } };
    });
  };

  return {
    async openRoom(room) {
      if (!core.state.rooms[room]) await core.rooms.load(room);
      core.linked.refresh(room);
      await timelines.open(room);
    },
    loadBefore: (room) => timelines.loadBefore(room),
    loadAfter: (room) => timelines.loadAfter(room),
    jumpTo: (room, seq) => timelines.jumpTo(room, seq),
    jumpToEnd: (room) => timelines.jumpToEnd(room),
    openThread: (root) => timelines.openThread(root),

    post(room, body, replyTo) {
      const args = { room, body, ...(replyTo === undefined ? {} : { reply_to: replyTo }) };
      if (outbox.full) {
        setDraft(room, body);
        return;
      }
      // How it fares is told by the message's `delivery`.
      outbox.add("message.post", room, args, cursor(room)).catch(() => {});
      if (core.state.timelines[room]?.hasAfter) void timelines.jumpToEnd(room);
      typed.delete(room);
    },
    retry: (key) => outbox.retry(key),
    discard: (key) => outbox.discard(key),
    async edit(message, body) {
      const room = await roomOf(message);
      await outbox.add("message.edit", room, { message, body }, cursor(room));
    },
    async remove(message) {
      const room = await roomOf(message);
      await outbox.add("message.delete", room, { message }, cursor(room));
    },
    async react(message, emoji, on) {
      const room = await roomOf(message);
      const me = core.state.me?.id ?? "";
      core.update((state) => showReaction(state, room, { message, emoji, user: me }, on));
      try {
        await outbox.add(on ? "message.react" : "message.unreact", room, { message, emoji }, cursor(room));
      } catch (error) {
        core.update((state) => showReaction(state, room, { message, emoji, user: me }, !on));
        throw error;
      }
    },
    markRead: (room, seq) => marks.mark(room, seq),
    markAllRead() {
      for (const view of Object.values(core.state.rooms)) if (view.unread > 0) marks.mark(view.id, view.head);
    },
    type(room) {
      const now = Date.now();
      if (now - (typed.get(room) ?? 0) < TYPING_EVERY_MS) return;
      typed.set(room, now);
      core.connection.tell("typing", { room });
    },
    setDraft,
  };
}
