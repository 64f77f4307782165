/** What the server sends by itself, brought into the state: entries, signals, and what the connection is like. */
import { type Consequence, consequences } from "./consequences";
import type { Core } from "./core";
import { reduce } from "./reduce";
import { report } from "./report";
import type { Connection } from "./store";
import type { Entry, Id, Message, Presence, Signal } from "./wire";

const TYPING_MS = 5_000;
const NEWS_MS = 6_000;
/** After a reconnect, presence and version are asked for at a moment of one's own, not with everybody else. */
const REFRESH_SPREAD_MS = 6_000;

export class Live {
  private readonly core: Core;
  /** Who takes signals of further kinds. */
  readonly listeners: Record<string, (data: Signal["data"], signal: Signal) => void> = {};
  private missed = 0;
  private wasConnected = false;
  /** The person was told that the connection is gone. */
  private announced = false;
  private newsTimer: ReturnType<typeof setTimeout> | undefined;
  private refreshTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(core: Core) {
    this.core = core;
  }

  /** Contiguous entries, each for the first time. Throws when the state cannot be brought forward. */
  apply(batch: Entry[], replayed: boolean): void {
    const entries = batch.filter((entry) => !this.core.tenant(entry.stream));
    const todo: Consequence[] = [];
    const mine: { key: string; message: Message }[] = [];
    let { state } = this.core;
    const role = state.me?.role;
    try {
      for (const entry of entries) {
        todo.push(...consequences(state, entry));
        state = reduce(state, entry);
        if (entry.kind !== "message.posted") continue;
        const message = entry.data as Message;
        if (message.author !== state.me?.id) this.missed += replayed && !message.deleted ? 1 : 0;
        else if (entry.key !== undefined) mine.push({ key: entry.key, message });
      }
    } catch (error) {
      report(this.core, error);
      throw error;
    }
    this.core.timelines.record(entries);
    this.core.store.setState(state, true);
    for (const { key, message } of mine) this.core.outbox.confirm(key, { seq: message.seq, message });
    for (const consequence of todo) this.core.rooms.follow(consequence);
    for (const entry of entries) this.core.linked.told(entry, replayed);
    for (const tenant of this.core.tenants) tenant.apply(batch, replayed);
    if (state.me?.role !== role) void this.core.rooms.resync();
  }

  signal(signal: Signal): void {
    const { kind, stream, actor, data } = signal;
    this.listeners[kind]?.(data, signal);
    if (kind === "typing") this.typing(stream, actor);
    if (kind !== "presence") return;
    const { online, offline } = data as Presence;
    if (typeof online === "boolean") this.presence(online ? [actor] : [], online ? [] : [actor]);
    else this.presence(online ?? [], offline ?? []);
  }

  connected(): void {
    const { me } = this.core.state;
    if (me) this.presence([me.id], []);
    this.core.follower.connected();
    this.core.outbox.connected();
  }

  disconnected(): void {
    this.missed = 0;
    this.core.follower.disconnected();
    this.core.outbox.disconnected();
  }

  /** Everything missed has arrived. */
  settled(): void {
    this.core.marks.flush();
    this.core.timelines.retryFailed();
    if (!this.wasConnected) {
      this.wasConnected = true;
      return;
    }
    if (this.missed > 0 || this.announced) {
      this.showConnection({ caughtUp: this.missed });
      clearTimeout(this.newsTimer);
      this.newsTimer = setTimeout(() => this.showConnection({ caughtUp: null }), NEWS_MS);
    }
    this.announced = false;
    clearTimeout(this.refreshTimer);
    this.refreshTimer = setTimeout(() => void this.core.rooms.resync(), Math.random() * REFRESH_SPREAD_MS);
  }

  showConnection(change: Partial<Connection>): void {
    if (change.state === "reconnecting" || change.state === "offline") this.announced = true;
    this.core.update((state) => ({ ...state, connection: { ...state.connection, ...change } }));
  }

  stop(): void {
    clearTimeout(this.newsTimer);
    clearTimeout(this.refreshTimer);
    this.missed = 0;
    this.wasConnected = false;
    this.announced = false;
  }

  private typing(room: Id, user: Id): void {
    if (user === this.core.state.me?.id) return;
    const until = Date.now() + TYPING_MS;
    this.core.update((state) => ({
      ...state,
      typing: { ...state.typing, [room]: { ...state.typing[room], [user]: until } },
    }));
    setTimeout(() => this.forgetTyping(room), TYPING_MS + 50);
  }

  private forgetTyping(room: Id): void {
    const notices = Object.entries(this.core.state.typing[room] ?? {});
    const running = notices.filter(([, until]) => until > Date.now());
    if (running.length === notices.length) return;
    this.core.update((state) => ({ ...state, typing: { ...state.typing, [room]: Object.fromEntries(running) } }));
  }

  private presence(came: Id[], gone: Id[]): void {
    this.core.update((state) => {
      const online = { ...state.online };
      for (const user of came) online[user] = true;
      for (const user of gone) delete online[user];
      return { ...state, online };
    });
  }
}
