/**
 * Loads windows of messages, and threads. While a page is on its way, the entries applied meanwhile are recorded and
 * applied to it when it is there, so that the page and the log meet without a gap, whichever is ahead.
 */
import type { Core } from "./core";
import type { Done } from "./outbox";
import type { Command } from "./outbox-store";
import { ApiError } from "./problem";
import { insertMessage, putMessage, putTimeline, reduceMessages, type Shared } from "./reduce";
import type { State, Timeline, TimelineMessage } from "./store";
import { confirmed, EMPTY, fromPage, joinNewer, joinOlder, mergePending, type Pending, withPending } from "./timeline";
import type { Entry, Id, Message, MessagePage } from "./wire";

type Place = { before?: number; after?: number; around?: number };

interface Recording {
  entries: Entry[];
  overflow: boolean;
}

const PAGE = 50;
const RECORDED = 1_000;
const ATTEMPTS = 5;
const LAG_MS = 200;
/** Rooms and threads kept in memory. */
const ROOMS = 30;
const THREADS = 10;

export class Timelines {
  private readonly core: Core;
  private readonly recordings = new Set<Recording>();
  /** Grows when a room's window is replaced: what was asked for the old window is of no use any more. */
  private readonly versions = new Map<Id, number>();
  private recent: Id[] = [];

  constructor(core: Core) {
    this.core = core;
  }

  /** Shows a room's newest messages; at once when they are in memory. */
  async open(room: Id): Promise<void> {
    const { timelines, rooms } = this.core.state;
    const view = rooms[room];
    const unreadFrom = view?.joined && view.unread > 0 ? view.read : null;
    this.touch(room);
    const known = timelines[room];
    if (known && known.loading === "initial") return;
    if (known && !known.hasAfter && known.error === null) {
      this.put(room, { ...known, unreadFrom });
      return;
    }
    await this.replace(room, {}, { ...(known ?? EMPTY), unreadFrom });
  }

  async jumpTo(room: Id, seq: number): Promise<void> {
    const known = this.core.state.timelines[room];
    if (known?.messages.some((message) => message.seq === seq)) return;
    this.touch(room);
    await this.replace(room, { around: seq }, known ?? EMPTY);
  }

  async jumpToEnd(room: Id): Promise<void> {
    const known = this.core.state.timelines[room];
    if (known && !known.hasAfter && known.error === null) return;
    await this.replace(room, {}, known ?? EMPTY);
  }

  /** The newest page again, without a sign of loading. */
  async refresh(room: Id): Promise<void> {
    const known = this.core.state.timelines[room];
    if (known) await this.replace(room, {}, { ...known, loading: null }).catch(() => {});
  }

  async loadBefore(room: Id): Promise<void> {
    const known = this.core.state.timelines[room];
    const first = known?.messages.find((message) => message.delivery === "sent");
    if (!known?.hasBefore || known.loading !== null || !first) return;
    await this.extend(room, known, "before", { before: first.seq }, joinOlder);
  }

  async loadAfter(room: Id): Promise<void> {
    const known = this.core.state.timelines[room];
    const last = known?.messages.findLast((message) => message.delivery === "sent");
    if (!known?.hasAfter || known.loading !== null || !last) return;
    await this.extend(room, known, "after", { after: last.seq }, joinNewer);
  }

  async openThread(root: Id): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const recording = this.startRecording();
      try {
        const { items } = await this.core.api.get<{ items: Message[] }>(`/api/messages/${root}/thread`);
        if (recording.overflow || !items[0]) continue;
        this.putThread(root, items, recording.entries);
        return;
      } finally {
        this.recordings.delete(recording);
      }
    }
  }

  /** After a `reset`: whatever of the room is loaded, afresh. Rejects with ApiError. */
  async reload(room: Id): Promise<void> {
    const { timelines, threads } = this.core.state;
    const known = timelines[room];
    if (known) {
      await this.fetch(room, {}, 0, (timeline) => {
        this.versions.set(room, this.version(room) + 1);
        this.put(room, withPending({ ...timeline, unreadFrom: known.unreadFrom }, this.pending(room)));
      });
    }
    for (const [root, thread] of Object.entries(threads)) {
      if (thread[0]?.room === room) await this.openThread(root).catch(() => {});
    }
  }

  /** Windows whose loading failed are tried again, now that there is a connection. */
  retryFailed(): void {
    for (const [room, timeline] of Object.entries(this.core.state.timelines)) {
      if (timeline.error !== null && timeline.loading === null) void this.refresh(room);
    }
  }

  /** Entries that were just applied, for the pages on their way. */
  record(entries: Entry[]): void {
    for (const recording of this.recordings) {
      if (recording.entries.length + entries.length > RECORDED) recording.overflow = true;
      else recording.entries.push(...entries);
    }
  }

  /** The outbox changed: the pending messages at the end are others. */
  showPending(room: Id): void {
    const pending = this.pending(room);
    this.core.update((state) => {
      const timeline = state.timelines[room];
      let next: State = timeline ? putTimeline(state, room, withPending(timeline, pending)) : state;
      for (const [root, thread] of Object.entries(state.threads)) {
        if (thread[0]?.room !== room) continue;
        const merged = mergePending(thread, answersTo(root, pending));
        if (merged !== thread) next = { ...next, threads: { ...next.threads, [root]: merged } };
      }
      const { queued } = this.core.outbox;
      if (next.connection.queued !== queued) next = { ...next, connection: { ...next.connection, queued } };
      return next;
    });
  }

  acknowledged(command: Command, { seq, message }: Done): void {
    if (!message) return;
    this.core.update((state) =>
      command.event === "message.post"
        ? insertMessage(state, confirmed(message, seq, command.key))
        : putMessage(state, message, seq),
    );
  }

  clear(): void {
    this.recordings.clear();
    this.versions.clear();
    this.recent = [];
  }

  private async replace(room: Id, place: Place, shown: Timeline): Promise<void> {
    const version = this.version(room) + 1;
    this.versions.set(room, version);
    const quiet = shown.messages.length > 0 && shown.loading === null && place.around === undefined && !shown.hasAfter;
    this.put(room, { ...withPending(shown, this.pending(room)), loading: quiet ? null : "initial", error: null });
    try {
      await this.fetch(room, place, this.core.follower.cursor(room) ?? 0, (timeline) => {
        if (this.version(room) !== version) return;
        const unreadFrom = this.core.state.timelines[room]?.unreadFrom ?? null;
        this.put(room, withPending({ ...timeline, unreadFrom }, this.pending(room)));
      });
    } catch (error) {
      this.fail(room, version, error);
    }
  }

  private async extend(
    room: Id,
    known: Timeline,
    loading: "before" | "after",
    place: Place,
    join: (timeline: Timeline, page: Timeline) => Timeline,
  ): Promise<void> {
    const version = this.version(room);
    this.put(room, { ...known, loading, error: null });
    try {
      await this.fetch(room, place, this.core.follower.cursor(room) ?? 0, (page) => {
        const current = this.core.state.timelines[room];
        if (!current || this.version(room) !== version) return;
        this.put(room, withPending(join(current, page), this.pending(room)));
      });
    } catch (error) {
      this.fail(room, version, error);
    }
  }

  /**
   * Fetches a page, and gives it to `use` with everything applied that has been applied so far. A page older than
   * `floor` (a copy of the database may lag behind) is asked for again. Rejects with ApiError.
   */
  private async fetch(room: Id, place: Place, floor: number, use: (timeline: Timeline) => void): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, LAG_MS * 2 ** attempt));
      const recording = this.startRecording();
      try {
        const page = await this.core.api.get<MessagePage>(`/api/rooms/${room}/messages`, { ...place, limit: PAGE });
        if (page.head >= floor && !recording.overflow) {
          use(this.bringForward(room, fromPage(page), recording.entries));
          return;
        }
      } finally {
        this.recordings.delete(recording);
      }
    }
    throw new ApiError("The messages can't be loaded just now. Try again in a moment.", 503);
  }

  private bringForward(room: Id, timeline: Timeline, entries: Entry[]): Timeline {
    const scratch: Shared = { ...NOTHING, me: this.core.state.me, timelines: { [room]: timeline } };
    const own = entries.filter((entry) => entry.stream === room);
    return own.reduce(reduceMessages, scratch).timelines[room] ?? timeline;
  }

  private putThread(root: Id, items: Message[], recorded: Entry[]): void {
    const [first] = items as [Message];
    const entries = recorded.filter((entry) => entry.stream === first.room);
    // The answer does not tell its head; it contains at least what was applied when it was asked for.
    const asOf = entries[0] ? entries[0].seq - 1 : (this.core.follower.cursor(first.room) ?? 0);
    const messages = items.map((message) => confirmed(message, asOf));
    const scratch: Shared = { ...NOTHING, me: this.core.state.me, threads: { [first.id]: messages } };
    let thread = entries.reduce(reduceMessages, scratch).threads[first.id] ?? messages;
    thread = countAnswers(mergePending(thread, answersTo(first.id, this.pending(first.room))));
    this.core.update((state) => {
      const others = Object.entries(state.threads).filter(([id]) => id !== root);
      return { ...state, threads: Object.fromEntries([...others.slice(1 - THREADS), [root, thread]]) };
    });
  }

  private startRecording(): Recording {
    const recording: Recording = { entries: [], overflow: false };
    this.recordings.add(recording);
    return recording;
  }

  private fail(room: Id, version: number, error: unknown): void {
    const known = this.core.state.timelines[room];
    if (!known || this.version(room) !== version) return;
    const message = error instanceof ApiError ? error.message : "The messages can't be loaded. Try again.";
    this.put(room, { ...known, loading: null, error: message });
  }

  private version(room: Id): number {
    return this.versions.get(room) ?? 0;
  }

  private put(room: Id, timeline: Timeline): void {
    this.core.update((state) => putTimeline(state, room, timeline));
  }

  /** Keeps the rooms seen last in memory, and those with messages still to be sent. */
  private touch(room: Id): void {
    this.recent = [room, ...this.recent.filter((other) => other !== room)];
    const [kept, old] = [this.recent.slice(0, ROOMS), this.recent.slice(ROOMS)];
    const droppable = new Set(old.filter((other) => this.pending(other).length === 0));
    if (!droppable.size) return;
    this.recent = [...kept, ...old.filter((other) => !droppable.has(other))];
    this.core.update((state) => ({
      ...state,
      timelines: Object.fromEntries(Object.entries(state.timelines).filter(([id]) => !droppable.has(id))),
    }));
  }

  private pending(room: Id): Pending[] {
    return this.core.outbox
      .list(room)
      .filter((command) => command.event === "message.post")
      .map((command) => ({
        key: command.key,
        room,
        author: command.user,
        body: String(command.args.body ?? ""),
        replyTo: (command.args.reply_to as Id | undefined) ?? null,
        createdAt: command.created_at,
        after: command.after,
        tried: command.tries > 0,
        error: command.error,
      }));
  }
}

const NOTHING: Shared = { me: null, workspace: null, people: {}, rooms: {}, timelines: {}, threads: {}, typing: {} };

function answersTo(root: Id, pending: Pending[]): Pending[] {
  return pending.filter((item) => item.replyTo === root);
}

function countAnswers(thread: TimelineMessage[]): TimelineMessage[] {
  const [root, ...answers] = thread;
  if (!root || answers.length >= 199) return thread;
  const replies = answers.filter((answer) => answer.delivery === "sent" && !answer.deleted).length;
  return root.replies === replies ? thread : [{ ...root, replies }, ...answers];
}
