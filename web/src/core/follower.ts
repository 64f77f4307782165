/**
 * Follows streams: each entry reaches `apply` exactly once, in the order of `seq`, without a hole, whatever the
 * connection does. Knows nothing of rooms and messages, and touches the world only through `FollowerIO`.
 *
 * Per stream it keeps the last contiguous seq it applied (the cursor). An entry at or below it is dropped, the next one
 * is applied, one further ahead is parked while the hole is fetched. After a reconnect every stream is followed again
 * from its cursor. A `reset` has the state loaded afresh, which gives a new cursor.
 */
import { ApiError, fromProblem } from "./problem";
import type { EntriesPage, Entry, FollowAnswer, Id } from "./wire";

export interface FollowerIO {
  /** Sends `follow`; rejects when the connection is lost first. */
  follow(streams: Record<Id, number>): Promise<Record<Id, FollowAnswer>>;
  unfollow(streams: Id[]): void;
  fetchEntries(stream: Id, after: number): Promise<EntriesPage>;
  /** Contiguous new entries. `replayed`: they were missed while away. */
  apply(entries: Entry[], replayed: boolean): void;
  /** Loads the stream's state afresh; gives the seq it corresponds to, or null when the stream is of no more use. */
  reload(stream: Id, reason: string): Promise<number | null>;
  /** The server says that this stream may not be followed (any more). */
  refused(stream: Id, error: ApiError): void;
  /** After a (re)connect: every stream has been replayed. */
  settled(): void;
  /** Runs `then` after a while; gives back how to cancel. */
  later(ms: number, then: () => void): () => void;
}

/** Parked entries per stream; what does not fit is fetched with the hole. */
const PARKED = 256;
/** Streams in one `follow`. */
const BATCH = 100;
/** How long entries announced by `heads` may take to arrive by themselves. */
const GRACE_MS = 1_000;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 30_000;

interface Stream {
  cursor: number;
  /** The highest seq we have been told of. */
  known: number;
  parked: Map<number, Entry>;
  /** A repair or reload is under way. */
  busy: "repair" | "reload" | null;
  /** Its replay is over. */
  live: boolean;
  /** Why the state is to be loaded afresh before anything else. */
  needsReload: string | null;
  failures: number;
  cancelRetry: (() => void) | null;
}

export class Follower {
  private readonly streams = new Map<Id, Stream>();
  private readonly toFollow = new Set<Id>();
  private online = false;
  private flushing = false;
  private settling = false;

  constructor(private readonly io: FollowerIO) {}

  /** The last contiguous seq applied; undefined for a stream that is not tracked. */
  cursor(id: Id): number | undefined {
    return this.streams.get(id)?.cursor;
  }

  tracked(): Id[] {
    return [...this.streams.keys()];
  }

  /** Follows a stream whose state up to `cursor` is loaded. A stream already tracked keeps its cursor. */
  track(id: Id, cursor: number): void {
    if (this.streams.has(id)) return;
    this.streams.set(id, {
      cursor,
      known: cursor,
      parked: new Map(),
      busy: null,
      live: false,
      needsReload: null,
      failures: 0,
      cancelRetry: null,
    });
    this.follow(id);
  }

  drop(id: Id): void {
    const stream = this.streams.get(id);
    if (!stream) return;
    stream.cancelRetry?.();
    this.streams.delete(id);
    this.toFollow.delete(id);
    if (this.online) this.io.unfollow([id]);
    this.checkSettled();
  }

  clear(): void {
    for (const stream of this.streams.values()) stream.cancelRetry?.();
    this.streams.clear();
    this.toFollow.clear();
    this.settling = false;
  }

  /** The socket is connected: follow everything from where we are. */
  connected(): void {
    this.online = true;
    this.settling = true;
    for (const [id, stream] of this.streams) {
      stream.cancelRetry?.();
      stream.cancelRetry = null;
      stream.failures = 0;
      this.resume(id, stream);
    }
    this.checkSettled();
  }

  disconnected(): void {
    this.online = false;
    for (const stream of this.streams.values()) stream.live = false;
  }

  /** A batch of `entries` as the server sent it. */
  entries(batch: Entry[]): void {
    let run: Entry[] = [];
    let replayed = false;
    const flush = () => {
      if (run.length) this.apply(run, replayed);
      run = [];
    };
    for (const entry of batch) {
      const stream = this.streams.get(entry.stream);
      if (!stream) continue;
      if (this.take(stream, entry)) {
        if (replayed === stream.live) {
          flush();
          replayed = !stream.live;
        }
        run.push(entry);
      }
    }
    flush();
    for (const id of new Set(batch.map((entry) => entry.stream))) this.advance(id);
  }

  /** `heads` names every stream that moved; what has not arrived a little later is fetched. */
  heads(heads: Record<Id, number>): void {
    const behind = Object.entries(heads).filter(([id, head]) => {
      const stream = this.streams.get(id);
      if (!stream || stream.cursor >= head) return false;
      stream.known = Math.max(stream.known, head);
      return true;
    });
    if (!behind.length) return;
    this.io.later(GRACE_MS, () => {
      for (const [id] of behind) this.advance(id);
    });
  }

  caughtUp(id: Id, seq: number): void {
    const stream = this.streams.get(id);
    if (!stream) return;
    stream.known = Math.max(stream.known, seq);
    if (stream.cursor >= seq) stream.live = true;
    else this.advance(id);
    this.checkSettled();
  }

  reset(id: Id, reason: string): void {
    const stream = this.streams.get(id);
    if (stream) void this.reload(id, stream, reason);
  }

  /** Moves the cursor if the entry is next in line. */
  private take(stream: Stream, entry: Entry): boolean {
    if (entry.seq <= stream.cursor) return false;
    stream.known = Math.max(stream.known, entry.seq);
    if (stream.busy !== "reload" && entry.seq === stream.cursor + 1) {
      stream.cursor = entry.seq;
      return true;
    }
    if (stream.parked.size < PARKED) stream.parked.set(entry.seq, entry);
    return false;
  }

  private apply(entries: Entry[], replayed: boolean): void {
    try {
      this.io.apply(entries, replayed);
    } catch {
      // State we could not bring forward is loaded afresh rather than left half changed.
      for (const id of new Set(entries.map((entry) => entry.stream))) this.reset(id, "apply failed");
    }
  }

  /** Applies what is parked next in line, then fetches a hole if one is left. */
  private advance(id: Id): void {
    const stream = this.streams.get(id);
    if (!stream || stream.busy === "reload") return;
    const run: Entry[] = [];
    for (let next = stream.parked.get(stream.cursor + 1); next; next = stream.parked.get(stream.cursor + 1)) {
      stream.cursor = next.seq;
      run.push(next);
    }
    if (stream.parked.size) {
      for (const seq of stream.parked.keys()) if (seq <= stream.cursor) stream.parked.delete(seq);
    }
    if (run.length) this.apply(run, !stream.live);
    if (this.streams.get(id) !== stream) return;
    if (stream.cursor < stream.known) void this.repair(id, stream);
  }

  private async repair(id: Id, stream: Stream): Promise<void> {
    if (stream.busy || stream.cancelRetry || !this.online) return;
    stream.busy = "repair";
    const before = stream.cursor;
    try {
      const page = await this.io.fetchEntries(id, before);
      if (this.streams.get(id) !== stream || stream.busy !== "repair") return;
      stream.busy = null;
      if (page.reset) {
        void this.reload(id, stream, "too old");
        return;
      }
      stream.known = Math.max(stream.known, page.head);
      const missing = page.items.filter((entry) => this.take(stream, entry));
      if (missing.length) this.apply(missing, !stream.live);
      if (stream.cursor === before) {
        // The server does not give what it announced: perhaps a copy of its database lags behind.
        this.retry(id, stream, null);
        return;
      }
      stream.failures = 0;
      this.advance(id);
      if (stream.busy || stream.cursor < stream.known) return;
      stream.live = this.online;
      this.checkSettled();
    } catch (error) {
      if (stream.busy === "repair") stream.busy = null;
      this.failed(id, stream, error);
    }
  }

  private async reload(id: Id, stream: Stream, reason: string): Promise<void> {
    if (stream.busy === "reload") return;
    stream.busy = "reload";
    stream.needsReload = reason;
    stream.known = 0;
    try {
      const head = await this.io.reload(id, reason);
      if (this.streams.get(id) !== stream) return;
      stream.busy = null;
      stream.needsReload = null;
      if (head === null) {
        this.drop(id);
        return;
      }
      stream.cursor = head;
      stream.known = Math.max(head, stream.known);
      stream.failures = 0;
      this.follow(id);
      this.advance(id);
    } catch (error) {
      stream.busy = null;
      this.failed(id, stream, error);
    }
  }

  private failed(id: Id, stream: Stream, error: unknown): void {
    if (this.streams.get(id) !== stream) return;
    if (error instanceof ApiError && (error.status === 403 || error.status === 404)) {
      this.streams.delete(id);
      this.io.refused(id, error);
      this.checkSettled();
      return;
    }
    this.retry(id, stream, error instanceof ApiError ? error.retryAfter : null);
  }

  private retry(id: Id, stream: Stream, retryAfter: number | null): void {
    if (stream.cancelRetry) return;
    const backoff = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** stream.failures++);
    const wait = Math.max(backoff, (retryAfter ?? 0) * 1_000) * (1 + Math.random() / 2);
    stream.cancelRetry = this.io.later(wait, () => {
      stream.cancelRetry = null;
      if (this.streams.get(id) === stream) this.resume(id, stream);
    });
  }

  private resume(id: Id, stream: Stream): void {
    if (stream.needsReload !== null) void this.reload(id, stream, stream.needsReload);
    else this.follow(id);
  }

  private follow(id: Id): void {
    if (!this.online) return;
    this.toFollow.add(id);
    if (this.flushing) return;
    this.flushing = true;
    queueMicrotask(() => {
      this.flushing = false;
      const wanted = [...this.toFollow];
      this.toFollow.clear();
      for (let at = 0; at < wanted.length; at += BATCH) void this.ask(wanted.slice(at, at + BATCH));
    });
  }

  private async ask(ids: Id[]): Promise<void> {
    const asked = new Map<Id, Stream>();
    const cursors: Record<Id, number> = {};
    for (const id of ids) {
      const stream = this.streams.get(id);
      if (!stream) continue;
      asked.set(id, stream);
      cursors[id] = stream.cursor;
    }
    if (!asked.size || !this.online) return;
    let answers: Record<Id, FollowAnswer>;
    try {
      answers = await this.io.follow(cursors);
    } catch (error) {
      // Without a connection nothing is to be done: `connected` follows all streams again.
      if (this.online) for (const [id, stream] of asked) this.failed(id, stream, error);
      return;
    }
    for (const [id, stream] of asked) {
      const answer = answers[id];
      if (answer && this.streams.get(id) === stream) this.answered(id, stream, answer, cursors[id] ?? 0);
    }
  }

  private answered(id: Id, stream: Stream, answer: FollowAnswer, asked: number): void {
    if ("error" in answer) {
      this.failed(id, stream, fromProblem(answer.error, answer.error.status));
    } else if ("reset" in answer) {
      void this.reload(id, stream, "too old");
    } else if (answer.head < asked) {
      // The log is shorter than what we have seen: the server was restored from a backup.
      void this.reload(id, stream, "log is behind");
    } else {
      stream.failures = 0;
      stream.known = Math.max(stream.known, answer.head);
      if (stream.cursor >= answer.cutoff) {
        stream.live = this.online;
        this.checkSettled();
      }
    }
  }

  private checkSettled(): void {
    if (!this.settling || !this.online) return;
    for (const stream of this.streams.values()) if (!stream.live) return;
    this.settling = false;
    this.io.settled();
  }
}
