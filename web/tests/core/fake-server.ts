/** A small server behind a client under test: HTTP by a function in the place of fetch, the socket by objects. */
import type { Socket } from "socket.io-client";
import { makeClient } from "../../src/core/client";
import type { SocketAuth } from "../../src/core/environment";
import type { Locks } from "../../src/core/locks";
import { indexedStore, type OutboxStore } from "../../src/core/outbox-store";
import type { Entry, Id, Message, RoomView, Sync } from "../../src/core/wire";
import { AT, entry, message, roomView, user } from "./fixtures";

type Handler = (...args: never[]) => void;
type Reply = object | undefined;

/** The part of socket.io-client that the connection uses. */
export class FakeSocket {
  connected = false;
  attempts = 0;
  token = "";
  private readonly handlers = new Map<string, Handler>();
  private readonly waiting = new Set<(error: Error) => void>();
  readonly io = { engine: { close: () => this.drop() } };
  /** Decides what becomes of a connect; may throw `Refused`. */
  onConnect: (token: string) => void = () => {};
  onEmit: (event: string, argument: never) => Promise<Reply> | Reply = () => undefined;

  constructor(private readonly auth: SocketAuth) {}

  on(event: string, handler: Handler): void {
    this.handlers.set(event, handler);
  }

  removeAllListeners(): void {
    this.handlers.clear();
  }

  connect(): void {
    this.attempts += 1;
    this.auth(({ token }) => {
      this.token = token;
    });
    queueMicrotask(() => {
      try {
        this.onConnect(this.token);
      } catch (refusal) {
        this.push("connect_error", refusal);
        return;
      }
      this.connected = true;
      this.push("connect");
    });
  }

  disconnect(): void {
    this.connected = false;
  }

  drop(): void {
    if (!this.connected) return;
    this.connected = false;
    for (const fail of this.waiting) fail(new Error("socket has been disconnected"));
    this.waiting.clear();
    this.push("disconnect");
  }

  push(event: string, ...args: unknown[]): void {
    (this.handlers.get(event) as ((...args: unknown[]) => void) | undefined)?.(...args);
  }

  emit(event: string, argument: never): void {
    void this.onEmit(event, argument);
  }

  timeout() {
    return {
      emitWithAck: (event: string, argument: never) =>
        new Promise<Reply>((resolve, reject) => {
          this.waiting.add(reject);
          void Promise.resolve(this.onEmit(event, argument)).then((reply) => {
            if (this.connected && reply) resolve(reply);
          });
        }),
    };
  }
}

export class Refused extends Error {
  constructor(readonly data: object) {
    super("refused");
  }
}

const NO_LOCKS: Locks = { exclusive: (_name, work) => work(), hold: () => () => {}, whenFree: null };
let databases = 0;

export const ME = user("me");
export const ROOM = "room";

export class FakeServer {
  readonly logs: Record<Id, Entry[]> = { me: [], [ROOM]: [], workspace: [] };
  readonly messages: Message[] = [];
  views: RoomView[] = [roomView(ROOM, { members: ["me", "ann"] })];
  sockets: FakeSocket[] = [];
  asked: string[] = [];
  commands: { event: string; argument: Record<string, unknown> }[] = [];
  /** Holds an answer back after it was made, by its path. */
  hold: ((path: string) => Promise<void> | undefined) | null = null;
  /** What another feature answers to commands and over HTTP; undefined where it is not asked. */
  feature: {
    command(event: string, argument: Record<string, unknown>): Reply;
    request(method: string, url: URL, body: unknown, key: string | undefined): unknown;
  } | null = null;
  losesAcks = false;
  silent = false;
  database = `client-${++databases}`;
  /** In the place of the database. */
  outbox: OutboxStore | null = null;

  head(stream: Id): number {
    return this.logs[stream]?.length ?? 0;
  }

  append(stream: Id, kind: string, data: unknown, actor = "ann", key?: string): Entry {
    const added = { ...entry(stream, this.head(stream) + 1, kind, data, actor), ...(key === undefined ? {} : { key }) };
    this.logs[stream]?.push(added);
    if (!this.silent) for (const socket of this.sockets) if (socket.connected) socket.push("entries", [added]);
    return added;
  }

  post(author: Id, body: string, key?: string): Message {
    const known = key === undefined ? undefined : this.logs[ROOM]?.find((one) => one.key === key);
    if (known) return known.data as Message;
    const posted = message(ROOM, this.head(ROOM) + 1, author, { body });
    this.messages.push(posted);
    this.append(ROOM, "message.posted", posted, author, key);
    return posted;
  }

  get socket(): FakeSocket {
    return this.sockets.at(-1) as FakeSocket;
  }

  /** A page of this browser; another one with the same server is a reload of it. */
  client() {
    return makeClient({
      config: { api: "", socket: undefined },
      fetch: ((path: string, init: RequestInit) => this.answer(path, init)) as typeof fetch,
      openSocket: (_address, auth) => this.accept(auth),
      locks: NO_LOCKS,
      channel: null,
      storage: localStorage,
      outbox: this.outbox ?? indexedStore(this.database),
      hasNetwork: () => true,
    });
  }

  private accept(auth: SocketAuth): Socket {
    const socket = new FakeSocket(auth);
    socket.onEmit = (event, argument) => this.command(socket, event, argument);
    this.sockets.push(socket);
    return socket as unknown as Socket;
  }

  private command(socket: FakeSocket, event: string, argument: Record<string, unknown>): Promise<Reply> | Reply {
    this.commands.push({ event, argument });
    if (event === "follow") return this.follow(socket, argument.streams as Record<Id, number>);
    if (event === "message.post") {
      const posted = this.post("me", String(argument.body), String(argument.key));
      return this.losesAcks ? undefined : { ok: true, seq: posted.seq, message: posted };
    }
    const reply = this.feature?.command(event, argument);
    return this.losesAcks ? undefined : (reply ?? { ok: true, seq: 0 });
  }

  private follow(socket: FakeSocket, streams: Record<Id, number>): Reply {
    const answers: Record<Id, object> = {};
    for (const [id, cursor] of Object.entries(streams)) {
      const head = this.head(id);
      answers[id] = { head, cutoff: head };
      const missed = this.logs[id]?.slice(cursor, head) ?? [];
      queueMicrotask(() => {
        if (missed.length) socket.push("entries", missed);
        socket.push("caught_up", { stream: id, seq: head });
      });
    }
    return { ok: true, streams: answers };
  }

  private async answer(path: string, init: RequestInit): Promise<Response> {
    this.asked.push(`${init.method} ${path}`);
    const url = new URL(path, "http://hubbub.test");
    const { "Idempotency-Key": key } = init.headers as Record<string, string>;
    const given = typeof init.body === "string" ? JSON.parse(init.body) : undefined;
    const told = this.feature?.request(init.method ?? "", url, given, key);
    const body = told === undefined ? this.read(url) : structuredClone(told);
    await this.hold?.(path);
    if (body === null) return Response.json({ status: 404, detail: "There is no such room." }, { status: 404 });
    return Response.json(body);
  }

  private read({ pathname, searchParams }: URL): unknown {
    const [, , what, id, part] = pathname.split("/");
    if (what === "auth") return { user: ME, access_token: "token", expires_in: 900 };
    if (what === "sync") return this.sync();
    if (what === "streams") {
      const after = Number(searchParams.get("after"));
      return {
        items: structuredClone(this.logs[id ?? ""]?.slice(after) ?? []),
        head: this.head(id ?? ""),
        reset: false,
      };
    }
    if (what === "rooms" && part === "messages") return this.page(searchParams);
    if (what === "rooms" && part === "members") return { items: [ME, user("ann")] };
    if (what === "rooms") return this.view(id ?? "");
    return { version: "1" };
  }

  private view(id: Id): RoomView | null {
    const view = this.views.find((one) => one.id === id);
    if (!view) return null;
    const unread = this.messages.filter((one) => one.author !== "me" && one.seq > view.read).length;
    return { ...view, head: this.head(id), unread: id === ROOM ? unread : 0 };
  }

  private sync(): Sync {
    const heads: Record<Id, number> = { me: this.head("me"), workspace: this.head("workspace") };
    for (const { id } of this.views) heads[id] = this.head(id);
    return {
      me: ME,
      workspace: { id: "workspace", name: "Company", sample: false },
      heads,
      rooms: this.views.map((view) => this.view(view.id) as RoomView),
      people: [ME, user("ann")],
      presence: [],
      version: "1",
    };
  }

  private page(query: URLSearchParams): object {
    const limit = Number(query.get("limit"));
    const before = Number(query.get("before") ?? Number.MAX_SAFE_INTEGER);
    const after = Number(query.get("after") ?? -1);
    const around = query.get("around");
    const fits = this.messages.filter((one) => one.seq < before && one.seq > after);
    let items = query.has("after") ? fits.slice(0, limit) : fits.slice(-limit);
    if (around !== null) items = this.messages.filter((one) => Math.abs(one.seq - Number(around)) <= limit / 2);
    const [first, last] = [items[0]?.seq ?? 0, items.at(-1)?.seq ?? 0];
    return structuredClone({
      items,
      has_before: this.messages.some((one) => one.seq < first),
      has_after: this.messages.some((one) => one.seq > last),
      head: this.head(ROOM),
    });
  }
}

export { AT };
