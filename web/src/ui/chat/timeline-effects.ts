/** What the timeline does besides drawing: jumping to a link, reading, announcing. */
import { useEffect, useRef, useState } from "react";
import type { Timeline, TimelineMessage } from "../../core/store";
import type { Id, RoomView } from "../../core/wire";
import { excerpt } from "../lib/rich";
import type { Row } from "../lib/rows";
import { announce, attempt, useUi } from "../state";
import { actions, useStore } from "../store";

const FLASH_MS = 2600;

/** Brings the linked message into view, loading its surroundings if needed; answers which one to highlight. */
export function useLinkedMessage(
  room: Id,
  seq: number | undefined,
  timeline: Timeline,
  indexOfSeq: (seq: number) => number,
  show: (index: number) => void,
): number | null {
  const [flash, setFlash] = useState<number | null>(null);
  const done = useRef<number | null>(null);
  const asked = useRef<number | null>(null);
  const { loading } = timeline;
  useEffect(() => {
    if (seq === undefined || Number.isNaN(seq) || done.current === seq || loading !== null) return;
    const index = indexOfSeq(seq);
    if (index >= 0) {
      done.current = seq;
      show(index);
      setFlash(seq);
    } else if (asked.current !== seq) {
      asked.current = seq;
      void attempt(() => actions.jumpTo(room, seq));
    }
  }, [room, seq, loading, indexOfSeq, show]);
  useEffect(() => {
    if (flash === null) return;
    const timer = setTimeout(() => setFlash(null), FLASH_MS);
    return () => clearTimeout(timer);
  }, [flash]);
  return flash;
}

const look = () => document.visibilityState === "visible" && document.hasFocus();

/** True while somebody may be looking at this page. */
function useAttention(): boolean {
  const [attentive, setAttentive] = useState(look);
  useEffect(() => {
    const changed = () => setAttentive(look());
    window.addEventListener("focus", changed);
    window.addEventListener("blur", changed);
    document.addEventListener("visibilitychange", changed);
    return () => {
      window.removeEventListener("focus", changed);
      window.removeEventListener("blur", changed);
      document.removeEventListener("visibilitychange", changed);
    };
  }, []);
  return attentive;
}

/** Moves the read mark while the end is in view; answers how many messages of others came since it last was. */
export function useReading(room: RoomView, messages: TimelineMessage[], me: Id | undefined, atEnd: boolean): number {
  const attentive = useAttention();
  const seen = useRef<number>(undefined);
  const newest = newestSent(messages);
  if (seen.current === undefined || atEnd) seen.current = Math.max(seen.current ?? 0, newest);
  const { id, joined, read } = room;
  useEffect(() => {
    if (joined && atEnd && attentive && newest > read) actions.markRead(id, newest);
  }, [id, joined, read, atEnd, attentive, newest]);
  if (atEnd) return 0;
  let unseen = 0;
  for (let index = messages.length - 1; index >= 0; index -= 1) {
    const message = messages[index];
    if (!message || (message.delivery === "sent" && message.seq <= seen.current)) break;
    if (message.author !== me && message.delivery === "sent") unseen += 1;
  }
  return unseen;
}

function newestSent(messages: TimelineMessage[]): number {
  for (let index = messages.length - 1; index >= 0; index -= 1) {
    const message = messages[index];
    if (message?.delivery === "sent") return message.seq;
  }
  return 0;
}

/** Says a new message of somebody else, once. */
export function useAnnouncements(messages: TimelineMessage[], me: Id | undefined): void {
  const heard = useRef<number>(undefined);
  useEffect(() => {
    const newest = newestSent(messages);
    const before = heard.current;
    heard.current = Math.max(before ?? 0, newest);
    if (before === undefined || newest <= before) return;
    const fresh = messages.filter((one) => one.delivery === "sent" && one.seq > before && one.author !== me);
    const [first] = fresh;
    if (!first) return;
    const name = useStore.getState().people[first.author]?.name ?? "Someone";
    announce(fresh.length === 1 ? `${name}: ${excerpt(first.body)}` : `${fresh.length} new messages`);
  }, [messages, me]);
}

/** Whatever is being edited is in view, also when the edit began in the composer. */
export function useEditingInView(rows: Row[], show: (index: number) => void): void {
  const editing = useUi((ui) => ui.editing);
  const current = useRef({ rows, show });
  current.current = { rows, show };
  useEffect(() => {
    if (editing === null) return;
    const index = current.current.rows.findIndex((row) => row.message.id === editing);
    if (index >= 0 && !document.querySelector(`[data-message="${editing}"]`)) current.current.show(index);
  }, [editing]);
}
