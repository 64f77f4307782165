/**
 * Commands that must arrive. Each has a key that makes sending it again harmless; it stays in the browser's database
 * until the server acknowledged or refused it. Those of one room go one after the other, in the order they were given.
 *
 * Every tab sends what was written in it. When a tab is gone, one of the others takes over what it left behind.
 */
import type { BoardAnswer } from "./boards/wire";
import { freshKey } from "./ids";
import type { Locks } from "./locks";
import type { Command, CommandEvent, OutboxStore } from "./outbox-store";
import { ApiError, fromProblem, unreachable } from "./problem";
import type { Ack, Id, Message } from "./wire";

export interface Done extends BoardAnswer {
  seq: number;
  message?: Message;
}

export interface OutboxIO {
  store: OutboxStore;
  locks: Locks;
  channel: Pick<BroadcastChannel, "postMessage" | "addEventListener"> | null;
  /** Over the socket; rejects when no ack came: the connection was lost, or it took too long. */
  send(event: CommandEvent, args: Record<string, unknown>): Promise<Ack<Done>>;
  /** The access token was refused. Resolves when there is a fresh one. */
  renew(): Promise<unknown>;
  /** The pending commands of a room are others now. */
  changed(room: Id): void;
  /** Acknowledged; called before `changed`. */
  acknowledged(command: Command, done: Done): void;
  later(ms: number, then: () => void): () => void;
}

interface Waiting {
  resolve(done: Done): void;
  reject(error: ApiError): void;
}

/** Unacknowledged commands of one person in this tab; more are refused at once. */
const MOST = 1_000;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 30_000;

export class Outbox {
  private user: Id | null = null;
  private commands: Command[] = [];
  private readonly waiting = new Map<string, Waiting>();
  private readonly sending = new Set<Id>();
  private readonly pausing = new Map<Id, () => void>();
  private readonly watched = new Set<string>();
  private readonly me = freshKey();
  private online = false;
  private lastOrder = 0;
  private failures = 0;
  private closing = new AbortController();

  constructor(private readonly io: OutboxIO) {
    io.locks.hold(tabLock(this.me));
    io.channel?.addEventListener("message", (event) => {
      const notice = (event as MessageEvent<{ type: string; user: Id; owner: string }>).data;
      if (notice.type === "outbox" && notice.user === this.user) this.watch(notice.owner);
    });
  }

  /** Commands of this tab: to be sent, or refused ones to be retried or discarded. */
  list(room?: Id): Command[] {
    return room === undefined ? this.commands : this.commands.filter((command) => command.room === room);
  }

  get queued(): number {
    return this.commands.filter((command) => command.error === null).length;
  }

  /** Nothing more is taken until some of it got through. */
  get full(): boolean {
    return this.commands.length >= MOST;
  }

  /** Takes up what the person left behind: after a reload, or in a tab that is gone. */
  async open(user: Id): Promise<void> {
    this.close();
    this.user = user;
    const left = await this.io.store.all(user).catch(() => []);
    if (this.user !== user) return;
    const owners = new Set(left.map((command) => command.owner));
    await Promise.all([...owners].map((owner) => (this.io.locks.whenFree ? this.watch(owner) : this.adopt(owner))));
  }

  /** Signed out: what is in the database stays there for when the person is back. */
  close(): void {
    this.closing.abort();
    this.closing = new AbortController();
    for (const cancel of this.pausing.values()) cancel();
    for (const waiting of this.waiting.values()) waiting.reject(unreachable());
    this.pausing.clear();
    this.waiting.clear();
    this.watched.clear();
    this.commands = [];
    this.user = null;
  }

  /** Resolves with the server's answer, however long that takes; rejects with ApiError when it is refused. */
  add(event: CommandEvent, room: Id, args: Record<string, unknown>, after: number): Promise<Done> {
    const { user } = this;
    if (user === null) return Promise.reject(new ApiError("Sign in first.", 401));
    if (this.full) {
      return Promise.reject(new ApiError("Too many changes are waiting for the connection. Try again later.", 0));
    }
    this.lastOrder = Math.max(Date.now(), this.lastOrder + 1);
    const key = freshKey();
    const command: Command = {
      key,
      user,
      owner: this.me,
      order: this.lastOrder,
      room,
      event,
      args: { ...args, key },
      created_at: new Date().toISOString(),
      after,
      tries: 0,
      error: null,
    };
    this.commands = [...this.commands, command];
    const answer = new Promise<Done>((resolve, reject) => this.waiting.set(key, { resolve, reject }));
    this.io.changed(room);
    void this.keep(command).then(() => {
      this.io.channel?.postMessage({ type: "outbox", user, owner: this.me });
      this.pump(room);
    });
    return answer;
  }

  retry(key: string): void {
    const command = this.find(key);
    if (!command || command.error === null) return;
    this.update(command, { error: null });
    this.pump(command.room);
  }

  discard(key: string): void {
    const command = this.find(key);
    if (!command || command.error === null) return;
    this.forget(command);
    this.io.changed(command.room);
  }

  /** The log shows the command to have been carried out, perhaps before its ack came. */
  confirm(key: string, done: Done): void {
    const command = this.find(key);
    if (command) this.finish(command, done);
  }

  connected(): void {
    this.online = true;
    this.failures = 0;
    for (const room of new Set(this.commands.map((command) => command.room))) {
      this.resumeNow(room);
      this.pump(room);
    }
  }

  disconnected(): void {
    this.online = false;
  }

  private pump(room: Id): void {
    if (!this.online || this.sending.has(room) || this.pausing.has(room)) return;
    const next = this.commands.find((command) => command.room === room && command.error === null);
    if (!next) return;
    this.sending.add(room);
    void this.transmit(next).finally(() => {
      this.sending.delete(room);
      this.pump(room);
    });
  }

  private async transmit(command: Command): Promise<void> {
    this.update(command, { tries: command.tries + 1 }, false);
    let ack: Ack<Done>;
    try {
      ack = await this.io.send(command.event, command.args);
    } catch {
      this.pause(command.room, null);
      return;
    }
    const current = this.find(command.key);
    if (!current) return;
    if (ack.ok) {
      this.failures = 0;
      this.io.acknowledged(current, ack);
      this.finish(current, ack);
      return;
    }
    const error = fromProblem(ack.error, ack.error.status);
    if (error.status === 401) await this.io.renew().catch(() => {});
    if (error.status === 401 || error.temporary) this.pause(command.room, error.retryAfter);
    else this.refuse(current, error);
  }

  /** Gives up a command that waits for its turn. */
  refuse(command: Command, error: ApiError): void {
    const asked = this.settle(command.key);
    // A refused message keeps its words and waits for its writer; other refusals are told to whoever asked, and those
    // of boards, after a reload, to whoever opens the board.
    if (command.event === "message.post" || !(asked || command.event.startsWith("message."))) {
      this.update(command, { error: error.message });
    } else {
      this.forget(command);
      this.io.changed(command.room);
    }
    asked?.reject(error);
  }

  /** What waits behind a command may name what it makes by its key, until there is an id. */
  rename(room: Id, key: string, id: Id | null): void {
    for (const command of this.list(room)) {
      const args = JSON.stringify(command.args);
      const named = args.replaceAll(`"${key}"`, JSON.stringify(id));
      if (command.key !== key && named !== args) this.update(command, { args: JSON.parse(named) }, false);
    }
  }

  private finish(command: Command, done: Done): void {
    const made = done.task ?? done.comment;
    if (made) this.rename(command.room, command.key, made.id);
    this.forget(command);
    this.settle(command.key)?.resolve(done);
    this.io.changed(command.room);
  }

  private settle(key: string): Waiting | undefined {
    const waiting = this.waiting.get(key);
    this.waiting.delete(key);
    return waiting;
  }

  /** Lets a room rest before its next command is tried. */
  private pause(room: Id, retryAfter: number | null): void {
    if (this.pausing.has(room)) return;
    const backoff = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** this.failures++);
    const wait = Math.max(backoff, (retryAfter ?? 0) * 1_000) * (1 + Math.random() / 2);
    const cancel = this.io.later(wait, () => {
      this.pausing.delete(room);
      this.pump(room);
    });
    this.pausing.set(room, cancel);
  }

  private resumeNow(room: Id): void {
    this.pausing.get(room)?.();
    this.pausing.delete(room);
  }

  private find(key: string): Command | undefined {
    return this.commands.find((command) => command.key === key);
  }

  private update(command: Command, change: Partial<Command>, tell = true): void {
    const changed = { ...command, ...change };
    this.commands = this.commands.map((other) => (other.key === command.key ? changed : other));
    void this.keep(changed);
    if (tell) this.io.changed(command.room);
  }

  private async keep(command: Command): Promise<void> {
    // A full or forbidden database must not keep a message from being sent.
    await this.io.store.put(command).catch(() => {});
    if (this.user === command.user && !this.find(command.key)) await this.io.store.remove(command.key).catch(() => {});
  }

  private forget(command: Command): void {
    this.commands = this.commands.filter((other) => other.key !== command.key);
    void this.io.store.remove(command.key).catch(() => {});
  }

  /** Waits for a tab to be gone, and takes over what it left. */
  private watch(owner: string): void {
    if (owner === this.me || this.watched.has(owner) || !this.io.locks.whenFree) return;
    this.watched.add(owner);
    this.io.locks.whenFree(tabLock(owner), () => void this.adopt(owner), this.closing.signal);
  }

  private async adopt(owner: string): Promise<void> {
    const { user } = this;
    if (user === null) return;
    this.watched.delete(owner);
    const left = await this.io.store.adopt(user, owner, this.me).catch(() => []);
    if (this.user !== user) return;
    const adopted = left.filter((command) => !this.find(command.key));
    if (!adopted.length) return;
    this.io.channel?.postMessage({ type: "outbox", user, owner: this.me });
    this.commands = [...this.commands, ...adopted].sort((one, other) => one.order - other.order);
    for (const room of new Set(adopted.map((command) => command.room))) {
      this.io.changed(room);
      this.pump(room);
    }
  }
}

function tabLock(owner: string): string {
  return `hubbub-tab-${owner}`;
}
