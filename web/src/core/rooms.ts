/** Which rooms there are and which are followed; loading their views; the whole first screen. */
import type { Consequence } from "./consequences";
import type { Core } from "./core";
import { ApiError } from "./problem";
import { dropRoom, leaveRoom, putView } from "./reduce";
import type { State } from "./store";
import type { Id, RoomView, Sync, User } from "./wire";

/** Several entries in a row ask for the same; one request answers them all. */
const GATHER_MS = 250;
const RETRY_MS = 3_000;
const PEOPLE_EVERY_MS = 10_000;

export class Rooms {
  private readonly core: Core;
  private readonly planned = new Map<string, ReturnType<typeof setTimeout>>();
  private readonly peopleAsked = new Map<Id, number>();
  /** The server this page was loaded from. */
  version: string | null = null;

  constructor(core: Core) {
    this.core = core;
  }

  /** Carries out what an entry asked for. */
  follow(consequence: Consequence): void {
    const { room } = consequence;
    if (consequence.do === "unfollow") this.core.follower.drop(room);
    else if (consequence.do === "load-people") this.planPeople(room);
    else this.plan(`room ${room}`, consequence.do === "load-room" ? 0 : GATHER_MS, () => this.load(room));
  }

  /** Loads a room as it is to oneself, and follows it if one is in it. Rejects with ApiError. */
  async load(room: Id): Promise<RoomView> {
    try {
      const view = await this.core.api.get<RoomView>(`/api/rooms/${room}`);
      this.take(view);
      return view;
    } catch (error) {
      if (isGone(error)) this.drop(room);
      throw error;
    }
  }

  take(view: RoomView): void {
    if (!view.joined) {
      this.core.follower.drop(view.id);
      this.core.update((state) => putView(leaveRoom(state, view.id), view));
      return;
    }
    this.core.update((state) => putView(state, view));
    if (this.core.follower.cursor(view.id) !== undefined) return;
    this.core.follower.track(view.id, view.head);
    // What was looked at before joining was not kept up to date.
    if (this.core.state.timelines[view.id]) void this.core.timelines.refresh(view.id);
  }

  drop(room: Id): void {
    this.core.follower.drop(room);
    this.core.update((state) => dropRoom(state, room));
  }

  /** The server stopped a stream: for good, or until its state is loaded afresh. */
  reset(stream: Id, reason: string): void {
    if (reason !== "withdrawn") {
      this.core.follower.reset(stream, reason);
      return;
    }
    this.core.follower.drop(stream);
    (this.core.tenant(stream) ?? this).refused(stream);
  }

  refused(stream: Id): void {
    this.core.update((state) => leaveRoom(state, stream));
  }

  /** Loads a stream's state afresh; the seq it corresponds to, or null when it is not to be followed any more. */
  async reload(stream: Id): Promise<number | null> {
    const { me, workspace } = this.core.state;
    if (stream === me?.id || stream === workspace?.id) {
      const sync = await this.core.api.get<Sync>("/api/sync");
      this.adopt(sync);
      return sync.heads[stream] ?? null;
    }
    const view = await this.core.api.get<RoomView>(`/api/rooms/${stream}`);
    if (!view.joined) {
      this.core.update((state) => putView(leaveRoom(state, stream), view));
      return null;
    }
    await this.core.timelines.reload(stream);
    this.core.update((state) => ({ ...state, rooms: { ...state.rooms, [stream]: view } }));
    return view.head;
  }

  /** Presence, version and anything else that no entry tells. */
  async resync(): Promise<void> {
    try {
      this.adopt(await this.core.api.get<Sync>("/api/sync"));
    } catch {
      // The state at hand is kept up to date by the log; this was an extra.
    }
  }

  /** Takes in a first screen, which may be older or newer than what the log has brought already. */
  adopt(sync: Sync): void {
    this.version ??= sync.version;
    const known = this.core.follower.cursor(sync.me.id) ?? 0;
    const current = (sync.heads[sync.me.id] ?? 0) >= known;
    const listed = new Set(sync.rooms.map((view) => view.id));
    const gone = current ? Object.keys(this.core.state.rooms).filter((room) => !listed.has(room)) : [];
    for (const room of gone) this.drop(room);
    this.core.update((state) => ({
      ...state,
      me: sync.me,
      workspace: sync.workspace,
      people: byId([...Object.values(state.people), ...sync.people]),
      online: Object.fromEntries(sync.presence.map((id) => [id, true as const])),
      connection: { ...state.connection, update: state.connection.update || sync.version !== this.version },
    }));
    for (const stream of [sync.me.id, sync.workspace.id]) {
      const head = sync.heads[stream];
      if (head !== undefined) this.core.follower.track(stream, head);
    }
    this.core.update((state) => sync.rooms.reduce<State>(putView, state));
    for (const view of sync.rooms) if (view.joined) this.take(view);
  }

  clear(): void {
    for (const timer of this.planned.values()) clearTimeout(timer);
    this.planned.clear();
    this.peopleAsked.clear();
  }

  private planPeople(room: Id): void {
    const asked = this.peopleAsked.get(room) ?? 0;
    const wait = Math.max(GATHER_MS, asked + PEOPLE_EVERY_MS - Date.now());
    this.plan(`people ${room}`, wait, async () => {
      this.peopleAsked.set(room, Date.now());
      const { items } = await this.core.api.get<{ items: User[] }>(`/api/rooms/${room}/members`);
      this.core.update((state) => ({ ...state, people: byId([...Object.values(state.people), ...items]) }));
    });
  }

  /** Does it once, soon; again a little later while the server cannot be reached. */
  private plan(what: string, wait: number, work: () => Promise<unknown>): void {
    if (this.planned.has(what)) return;
    const run = () => {
      this.planned.delete(what);
      work().catch((error) => {
        if (error instanceof ApiError && error.temporary) this.plan(what, RETRY_MS * (1 + Math.random()), work);
      });
    };
    this.planned.set(what, setTimeout(run, wait));
  }
}

function isGone(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 404 || error.status === 403);
}

/** Later ones win; an email address once known stays known. */
function byId(people: User[]): Record<Id, User> {
  const found: Record<Id, User> = {};
  for (const person of people) found[person.id] = { ...found[person.id], ...person };
  return found;
}
