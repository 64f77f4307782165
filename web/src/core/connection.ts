/**
 * The socket: stays connected, whatever happens, without a stampede. socket.io-client carries the protocol; when to
 * come back is decided here, because the server has a say in it (`goaway`, a refused connect with `retry_after`).
 */
import type { Socket } from "socket.io-client";
import { type ApiError, fromProblem, unreachable } from "./problem";
import type { Entry, Id, Problem, Signal, Stats } from "./wire";

export type LinkState = "connecting" | "online" | "reconnecting" | "offline";

export interface ConnectionIO {
  /** Makes a socket that connects only when told, and asks `auth` each time. */
  open(auth: (give: (auth: { token: string }) => void) => void): Socket;
  token(): Promise<string>;
  /** Replaces a token that was refused; rejects with ApiError. */
  renew(token: string): Promise<string>;
  /** Whether the browser believes to have a network. */
  hasNetwork(): boolean;

  connected(): void;
  disconnected(): void;
  changed(state: LinkState): void;
  entries(batch: Entry[]): void;
  heads(heads: Record<Id, number>): void;
  caughtUp(stream: Id, seq: number): void;
  reset(stream: Id, reason: string): void;
  signal(signal: Signal): void;
  stats(stats: Stats): void;
  revoked(reason: string): void;
}

const ACK_MS = 20_000;
const RETRY_MIN_MS = 400;
const RETRY_MAX_MS = 30_000;
/** No server may ask for more than this. */
const ASKED_MAX_MS = 60_000;
/** A gap shorter than this is not worth telling anybody. */
const SILENT_MS = 800;
/** A connection that lasted this long was a good one: the next failure starts from the shortest wait. */
const STABLE_MS = 10_000;

const bounded = (seconds: number) => Math.min(ASKED_MAX_MS, seconds * 1_000);

export class Connection {
  private readonly io: ConnectionIO;
  private socket: Socket | null = null;
  private token = "";
  private running = false;
  private failures = 0;
  private connectedAt = 0;
  /** ms since the epoch; not before then, as the server asked. */
  private notBefore = 0;
  private state: LinkState = "connecting";
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private tellTimer: ReturnType<typeof setTimeout> | undefined;
  private leaveTimer: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;

  constructor(io: ConnectionIO) {
    this.io = io;
  }

  get online(): boolean {
    return this.socket?.connected ?? false;
  }

  start(): void {
    if (this.running) return;
    this.running = true;
    this.failures = 0;
    this.notBefore = 0;
    this.state = "connecting";
    this.socket = this.listen(this.io.open((give) => give({ token: this.token })));
    void this.connect();
  }

  stop(): void {
    this.running = false;
    this.attempt += 1;
    this.cancelTimers();
    const { socket } = this;
    this.socket = null;
    socket?.removeAllListeners();
    socket?.disconnect();
  }

  /** A command with its ack. Rejects when the connection is or gets lost, or no ack comes. */
  async request<T>(event: string, argument: unknown): Promise<T> {
    const { socket } = this;
    // socket.io-client would keep the command for later; whether and when to send again is the caller's to say.
    if (!socket?.connected) throw unreachable();
    try {
      return (await socket.timeout(ACK_MS).emitWithAck(event, argument)) as T;
    } catch {
      throw unreachable();
    }
  }

  /** Something that may be lost. */
  tell(event: string, argument: unknown): void {
    if (this.socket?.connected) this.socket.emit(event, argument);
  }

  /** A fresh token for the running socket. */
  renewed(token: string): void {
    this.token = token;
    this.tell("token", { token });
  }

  /** The network came back, or the person did: no reason to wait any longer, except for the server's. */
  wake(): void {
    if (!this.running || this.online) return;
    this.failures = 0;
    this.announce();
    this.plan(Math.random() * 300);
  }

  /** The network is gone: what the socket is told would only be found lost after the ping timeout. */
  networkLost(): void {
    if (!this.running) return;
    this.socket?.io.engine?.close();
    this.announce();
  }

  private listen(socket: Socket): Socket {
    const { io } = this;
    socket.on("connect", () => this.connected());
    socket.on("disconnect", () => this.lost());
    socket.on("connect_error", (error: Error & { data?: Problem & { retry_after?: number } }) => {
      void this.refused(error.data ? fromProblem(error.data, error.data.status ?? 0) : unreachable());
    });
    socket.on("entries", (batch: Entry[]) => io.entries(batch));
    socket.on("heads", (heads: Record<Id, number>) => io.heads(heads));
    socket.on("caught_up", ({ stream, seq }: { stream: Id; seq: number }) => io.caughtUp(stream, seq));
    socket.on("reset", ({ stream, reason }: { stream: Id; reason: string }) => io.reset(stream, reason));
    socket.on("signal", (signal: Signal) => io.signal(signal));
    socket.on("stats", (stats: Stats) => io.stats(stats));
    socket.on("revoked", ({ reason }: { reason: string }) => io.revoked(reason));
    socket.on("goaway", ({ retry_after }: { retry_after?: number }) => this.sentAway(retry_after ?? 0));
    return socket;
  }

  private async connect(): Promise<void> {
    const attempt = ++this.attempt;
    clearTimeout(this.retryTimer);
    try {
      this.token = await this.io.token();
    } catch (error) {
      if (attempt === this.attempt) this.again((error as ApiError).retryAfter ?? null);
      return;
    }
    if (attempt === this.attempt && this.running && !this.online) this.socket?.connect();
  }

  private connected(): void {
    clearTimeout(this.tellTimer);
    clearTimeout(this.retryTimer);
    this.connectedAt = Date.now();
    this.show("online");
    this.io.connected();
  }

  private lost(): void {
    if (!this.running) return;
    clearTimeout(this.leaveTimer);
    if (Date.now() - this.connectedAt > STABLE_MS) this.failures = 0;
    this.io.disconnected();
    if (this.io.hasNetwork()) {
      this.tellTimer = setTimeout(() => this.announce(), SILENT_MS);
    } else this.announce();
    this.again(null);
  }

  private async refused(error: ApiError): Promise<void> {
    if (!this.running || this.online) return;
    if (error.status === 401) {
      const { attempt } = this;
      try {
        await this.io.renew(this.token);
      } catch {
        // The session's end is told by the session; anything else is tried again below.
      }
      if (attempt !== this.attempt) return;
    }
    if (this.failures > 0 && this.state === "connecting") this.announce();
    this.again(error.retryAfter);
  }

  /** `goaway`: this node leaves. Until then the socket works, so it is used. */
  private sentAway(seconds: number): void {
    const wait = bounded(seconds) * (1 + Math.random() / 4);
    this.notBefore = Date.now() + wait;
    this.failures = 0;
    clearTimeout(this.leaveTimer);
    this.leaveTimer = setTimeout(() => this.socket?.io.engine?.close(), wait);
  }

  private again(retryAfter: number | null): void {
    if (!this.running) return;
    const backoff = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** this.failures++);
    this.plan(bounded(retryAfter ?? 0) + backoff * (0.5 + Math.random()));
  }

  private plan(wait: number): void {
    clearTimeout(this.retryTimer);
    const left = Math.max(0, this.notBefore - Date.now());
    this.retryTimer = setTimeout(() => void this.connect(), left + wait);
  }

  private announce(): void {
    if (this.running && !this.online) this.show(this.io.hasNetwork() ? "reconnecting" : "offline");
  }

  private show(state: LinkState): void {
    if (state === this.state) return;
    this.state = state;
    this.io.changed(state);
  }

  private cancelTimers(): void {
    clearTimeout(this.retryTimer);
    clearTimeout(this.tellTimer);
    clearTimeout(this.leaveTimer);
  }
}
