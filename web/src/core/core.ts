/** Puts the parts together: one store, one connection, one outbox, and what goes between them. */
import { create, type StoreApi, type UseBoundStore } from "zustand";
import { Api } from "./api";
import { Connection } from "./connection";
import { Drafts } from "./drafts";
import type { Environment } from "./environment";
import { Follower } from "./follower";
import { Linked } from "./linked";
import { Live } from "./live";
import { Marks } from "./marks";
import { Outbox } from "./outbox";
import { ApiError } from "./problem";
import { Rooms } from "./rooms";
import { Session } from "./session";
import { START } from "./state";
import type { State } from "./store";
import type { Tenant } from "./tenants";
import { Timelines } from "./timelines";
import type { FollowAnswer, Id, Problem } from "./wire";

type FollowAck = { ok: true; streams: Record<Id, FollowAnswer> } | { ok: false; error: Problem };

export class Core {
  readonly environment: Environment;
  readonly store: UseBoundStore<StoreApi<State>>;
  readonly api: Api;
  readonly session: Session;
  readonly follower: Follower;
  readonly outbox: Outbox;
  readonly connection: Connection;
  readonly drafts: Drafts;
  readonly live: Live;
  readonly rooms: Rooms;
  readonly timelines: Timelines;
  readonly marks: Marks;
  readonly linked: Linked;
  readonly tenants: Tenant[] = [];

  constructor(environment: Environment) {
    this.environment = environment;
    const { config, fetch, locks, channel, storage } = environment;
    this.store = create<State>()(() => START);
    this.api = new Api(config.api, fetch);
    this.session = new Session({ askRefresh: () => this.api.refresh(), locks, channel, now: Date.now });
    this.api.tokens = this.session;
    this.drafts = new Drafts(storage);
    this.live = new Live(this);
    this.rooms = new Rooms(this);
    this.timelines = new Timelines(this);
    this.marks = new Marks(this);
    this.linked = new Linked(this);
    this.follower = this.makeFollower();
    this.outbox = this.makeOutbox();
    this.connection = this.makeConnection();
  }

  get state(): State {
    return this.store.getState();
  }

  update(change: (state: State) => State): void {
    this.store.setState(change(this.state), true);
  }

  tenant(stream: Id): Tenant | undefined {
    return this.tenants.find((tenant) => tenant.keeps(stream));
  }

  private makeFollower(): Follower {
    return new Follower({
      follow: async (streams) => {
        const ack = await this.connection.request<FollowAck>("follow", { streams });
        if (!ack.ok) throw new ApiError(ack.error.detail, ack.error.status, ack.error);
        for (const stream of Object.keys(ack.streams)) this.tenant(stream)?.followed(stream);
        return ack.streams;
      },
      unfollow: (streams) => this.connection.tell("unfollow", { streams }),
      fetchEntries: (stream, after) => this.api.get(`/api/streams/${stream}/entries`, { after, limit: 200 }),
      apply: (entries, replayed) => this.live.apply(entries, replayed),
      reload: (stream) => (this.tenant(stream) ?? this.rooms).reload(stream),
      refused: (stream) => (this.tenant(stream) ?? this.rooms).refused(stream),
      settled: () => this.live.settled(),
      later,
    });
  }

  private makeOutbox(): Outbox {
    const { outbox: store, locks, channel } = this.environment;
    return new Outbox({
      store,
      locks,
      channel,
      send: (event, args) => this.connection.request(event, args),
      renew: async () => this.connection.renewed(await this.session.refresh(this.session.current ?? undefined)),
      changed: (room) => {
        this.timelines.showPending(room);
        this.tenant(room)?.changed(room);
      },
      acknowledged: (command, done) => (this.tenant(command.room) ?? this.timelines).acknowledged(command, done),
      later,
    });
  }

  private makeConnection(): Connection {
    const { config, openSocket, hasNetwork } = this.environment;
    return new Connection({
      open: (auth) => openSocket(config.socket, auth),
      token: () => this.session.token(),
      renew: (token) => this.session.refresh(token),
      hasNetwork,
      connected: () => this.live.connected(),
      disconnected: () => this.live.disconnected(),
      changed: (state) => this.live.showConnection({ state }),
      entries: (batch) => this.follower.entries(batch),
      heads: (heads) => this.follower.heads(heads),
      caughtUp: (stream, seq) => this.follower.caughtUp(stream, seq),
      reset: (stream, reason) => this.rooms.reset(stream, reason),
      signal: (signal) => this.live.signal(signal),
      stats: (stats) => this.update((state) => ({ ...state, stats })),
      revoked: () => {
        this.session.end();
        this.session.events.ended();
      },
    });
  }
}

function later(ms: number, then: () => void): () => void {
  const timer = setTimeout(then, ms);
  return () => clearTimeout(timer);
}
