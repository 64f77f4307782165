/** What one can do with a message, from the toolbar, the keyboard or a long press. */
import type { TimelineMessage } from "../../core/store";
import { isInside, messagePath } from "../lib/rooms";
import { attempt, copyText, openOverlay, pickEmoji, replyIn, startEditing } from "../state";
import { actions, useStore } from "../store";

export function isOwn(message: TimelineMessage): boolean {
  return message.author === useStore.getState().me?.id;
}

/** Reading is open to whoever looks at an open room; everything else is for its members. */
export function mayAnswer(message: TimelineMessage): boolean {
  const room = useStore.getState().rooms[message.room];
  return room?.joined === true && !room.archived;
}

export function mayEdit(message: TimelineMessage): boolean {
  return isOwn(message) && mayAnswer(message) && !message.deleted && message.delivery === "sent";
}

export function mayDelete(message: TimelineMessage): boolean {
  const role = useStore.getState().me?.role;
  return mayAnswer(message) && (isOwn(message) || role === "owner" || role === "admin");
}

export function editMessage(message: TimelineMessage): void {
  startEditing(message.id);
}

export function focusComposer(where: string): void {
  requestAnimationFrame(() =>
    document.querySelector<HTMLTextAreaElement>(`[data-composer="${where}"] textarea`)?.focus(),
  );
}

export function replyTo(message: TimelineMessage, where: string): void {
  if (!mayAnswer(message)) return;
  // A thread has one level: an answer to an answer answers the root.
  if (where === message.room) replyIn(where, message.reply_to ?? message.id);
  focusComposer(where);
}

export function toggleReaction(message: TimelineMessage, emoji: string): void {
  const me = useStore.getState().me?.id ?? "";
  const mine = message.reactions.some((one) => one.emoji === emoji && one.users.includes(me));
  void attempt(() => actions.react(message.id, emoji, !mine));
}

export function reactFrom(message: TimelineMessage, anchor: Element): void {
  if (mayAnswer(message)) pickEmoji(anchor, (emoji) => void attempt(() => actions.react(message.id, emoji, true)));
}

export function copyLink(message: TimelineMessage): void {
  void copyText(new URL(messagePath(message.room, message.seq), window.location.origin).href, "Link copied.");
}

export function mayMakeTask(message: TimelineMessage): boolean {
  return isInside(useStore.getState()) && !message.deleted && message.delivery === "sent";
}

export function makeTask(message: TimelineMessage): void {
  openOverlay({ name: "new-task", title: "", message });
}

export function askDelete(message: TimelineMessage): void {
  openOverlay({
    name: "confirm",
    title: "Delete this message?",
    text: "It disappears for everybody. This cannot be undone.",
    verb: "Delete",
    danger: true,
    run: () => actions.remove(message.id),
  });
}
