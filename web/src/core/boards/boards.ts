/** Which boards are kept and followed, and what is shown of them. */
import { create, type StoreApi, type UseBoundStore } from "zustand";
import type { Core } from "../core";
import type { Done } from "../outbox";
import type { Command } from "../outbox-store";
import type { Tenant } from "../tenants";
import type { Entry, Id } from "../wire";
import { Details } from "./details";
import type { Confirmed } from "./draft";
import { type Held, hold, LOADING, reuse, START, sameFields } from "./held";
import { findOwn, Keys } from "./keys";
import { Loader, lacks } from "./loader";
import { Looking } from "./looking";
import { Overview } from "./overview";
import { applyPending, isSettled, type Op, toOp } from "./pending";
import { reduceBoard, type Viewer } from "./reduce";
import { Sending } from "./sending";
import type { BoardState, BoardsState } from "./store";
import { findTouched } from "./touched";

/** Entries that come thick and fast are applied together: each time costs a copy of the board's table of tasks. */
const GATHER_MS = 40;
/** A page that is left is often come back to at once, by another route to the same board. */
const LEAVE_MS = 800;
/** Boards kept in memory; opened again they go on from where they were. */
const KEPT = 8;

export class Boards implements Tenant {
  readonly core: Core;
  readonly store: UseBoundStore<StoreApi<BoardsState>> = create<BoardsState>()(() => START);
  readonly details: Details;
  readonly overview: Overview;
  readonly looking: Looking;
  readonly keys: Keys;
  readonly sending: Sending;
  private readonly loader: Loader;
  private readonly held = new Map<Id, Held>();
  private person: Id | null;

  constructor(core: Core) {
    this.core = core;
    this.person = core.state.me?.id ?? null;
    this.details = new Details(this);
    this.overview = new Overview(this);
    this.looking = new Looking(this);
    this.keys = new Keys(this);
    this.sending = new Sending(this);
    this.loader = new Loader({
      core,
      viewer: () => this.viewer(),
      flush: (held) => this.flush(held),
      take: (held, confirmed) => this.take(held, confirmed),
      refused: (held) => this.lose(held),
      failed: (held, error) => this.put(held.id, { loading: false, error }),
    });
    core.tenants.push(this);
    core.store.subscribe((state, before) => {
      if ((state.me?.id ?? null) !== this.person) this.clear(state.me?.id ?? null);
      else if (state.me?.role !== before.me?.role) this.loadAgain();
      else if (state.connection.state === "online" && before.connection.state !== "online") this.retryFailed();
    });
  }

  get state(): BoardsState {
    return this.store.getState();
  }

  update(change: Partial<BoardsState>): void {
    this.store.setState(change);
  }

  put(board: Id, change: Partial<BoardState>): void {
    const { boards } = this.state;
    const before = boards[board] ?? LOADING;
    const after = { ...before, ...change };
    if (boards[board] && sameFields(before, after)) return;
    this.update({ boards: { ...boards, [board]: after } });
  }

  /** The board as the log has it, if it is loaded. */
  confirmed(board: Id): Confirmed | null {
    return this.held.get(board)?.confirmed ?? null;
  }

  /** One's own commands that the board as the log has it may not contain. */
  opsOf(board: Id): Op[] {
    const held = this.held.get(board);
    const waiting = this.core.outbox.list(board).flatMap((command) => (command.error === null ? [toOp(command)] : []));
    return [...(held?.acked ?? []), ...waiting, ...(held?.local ?? [])];
  }

  /** Loads and follows it until the answer is called. */
  open(board: Id): () => void {
    const held = this.hold(board);
    held.open += 1;
    if (held.open === 1) this.enter(held);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      setTimeout(() => this.leave(held), LEAVE_MS);
    };
  }

  retry(board: Id): void {
    const held = this.hold(board);
    held.gone = false;
    if (!held.confirmed) this.put(board, LOADING);
    void this.loader.load(held);
  }

  keeps(stream: Id): boolean {
    return this.held.has(stream) || this.followedBy(stream) !== undefined;
  }

  /** The board that is followed by this stream. */
  followedBy(stream: Id): Held | undefined {
    for (const held of this.held.values()) if (held.stream === stream) return held;
    return undefined;
  }

  apply(entries: Entry[], replayed: boolean): void {
    const moved = new Set<Held>();
    for (const entry of entries) {
      const held = this.followedBy(entry.stream);
      if (held) {
        held.queue.push({ entry: { ...entry, stream: held.id }, replayed });
        moved.add(held);
      } else this.overview.heard(entry);
    }
    for (const held of moved) {
      const wait = held.flushed + GATHER_MS - Date.now();
      if (wait <= 0) this.flush(held);
      else held.timer ??= setTimeout(() => this.flush(held), wait);
    }
  }

  async reload(stream: Id): Promise<number | null> {
    const held = this.followedBy(stream);
    if (!held) return null;
    const seq = await this.loader.reload(held);
    this.details.refresh(held.id);
    return held.stream === stream ? seq : null;
  }

  followed(stream: Id): void {
    const held = this.followedBy(stream);
    if (held) this.looking.again(held.id);
  }

  refused(stream: Id): void {
    const held = this.followedBy(stream);
    if (!held) return;
    if (held.open === 0 || held.refused === stream) this.lose(held);
    else {
      // There may be another one by now.
      this.release(held);
      held.refused = stream;
      this.retry(held.id);
    }
  }

  private lose(held: Held): void {
    this.release(held);
    held.gone = true;
    this.looking.forget(held.id);
    this.details.forget(held.id);
    this.overview.drop(held.id);
    this.put(held.id, { ...LOADING, loading: false, partial: false, gone: true });
  }

  /** Nothing of it is known any more. */
  private release(held: Held): void {
    this.core.follower.drop(held.stream);
    held.turn += 1;
    held.confirmed = null;
    held.acked = [];
    held.queue = [];
    held.refused = null;
  }

  /** The right to see it may have come back. */
  granted(board: Id): void {
    const held = this.held.get(board);
    if (held?.gone && held.open > 0) this.retry(board);
  }

  changed(stream: Id): void {
    const held = this.held.get(stream);
    if (held) this.publish(held);
    this.overview.changed();
  }

  acknowledged(command: Command, done: Done): void {
    const held = this.hold(command.room);
    this.keys.learn([{ command, done }]);
    if (held.confirmed && !isSettled(done, held.confirmed)) held.acked = [...held.acked, { ...toOp(command), done }];
    this.overview.answered(command, done);
  }

  private viewer(): Viewer {
    const { me, people } = this.core.state;
    return { id: me?.id ?? "", role: me?.role ?? "guest", nameOf: (user) => people[user]?.name ?? "" };
  }

  hold(board: Id): Held {
    const known = this.held.get(board);
    if (known) return known;
    const held = hold(board);
    this.held.set(board, held);
    return held;
  }

  private enter(held: Held): void {
    this.looking.enter(held.id);
    if (held.confirmed) {
      // The log tells what was missed.
      this.core.follower.track(held.stream, held.confirmed.seq);
      if (!lacks(held)) return;
    }
    this.retry(held.id);
  }

  private leave(held: Held): void {
    if (this.held.get(held.id) !== held) return;
    held.open -= 1;
    if (held.open > 0) return;
    this.flush(held);
    this.core.follower.drop(held.stream);
    this.looking.leave(held.id);
    // The one left last is to be kept longest.
    this.held.delete(held.id);
    this.held.set(held.id, held);
    const idle = [...this.held.values()].filter((one) => one.open === 0 && !this.opsOf(one.id).length);
    for (const { id } of idle.slice(0, Math.max(0, idle.length - KEPT))) this.forget(id);
  }

  private forget(board: Id): void {
    this.held.delete(board);
    this.details.forget(board);
    const { [board]: _forgotten, ...boards } = this.state.boards;
    this.update({ boards });
  }

  /** A board as it was loaded. */
  private take(held: Held, confirmed: Confirmed): void {
    if (confirmed.stream !== held.stream) {
      const { refused } = held;
      this.release(held);
      held.refused = refused;
      held.stream = confirmed.stream;
      this.details.refresh(held.id);
    }
    const archived = Object.values(held.confirmed?.aside ?? {}).filter(
      (card) => card.archived && !confirmed.data.tasks[card.id],
    );
    held.confirmed = { ...confirmed, aside: Object.fromEntries(archived.map((card) => [card.id, card])) };
    held.gone = false;
    held.acked = held.acked.filter(({ done }) => done && !isSettled(done, confirmed));
    held.local = held.local.filter(({ done }) => !done);
    if (held.open > 0) this.core.follower.track(held.stream, confirmed.seq);
    this.publish(held);
  }

  /** Applies the entries that wait. */
  private flush(held: Held): void {
    clearTimeout(held.timer);
    held.timer = undefined;
    const queue = held.queue.splice(0);
    if (!queue.length || !held.confirmed) return;
    held.flushed = Date.now();
    held.refused = null;
    const entries = queue.map(({ entry }) => entry);
    for (const recording of held.recordings) recording.push(...entries);
    const confirmed = reduceBoard(held.confirmed, entries, this.viewer());
    held.confirmed = confirmed;
    const mine = new Set(this.opsOf(held.id).map(({ key }) => key));
    const own = findOwn(this.core.outbox.list(held.id), entries);
    this.keys.learn(own);
    this.details.apply(entries);
    held.acked = held.acked.filter(({ done }) => done && !isSettled(done, confirmed));
    held.local = held.local.filter(({ key }) => !entries.some((entry) => entry.key === key));
    for (const { command, done } of own) this.core.outbox.confirm(command.key, done);
    const elsewhere = queue.filter(({ entry, replayed }) => !replayed && !mine.has(entry.key ?? ""));
    const before = this.state.boards[held.id]?.touched ?? {};
    this.put(held.id, { touched: findTouched(before, elsewhere) });
    this.publish(held);
    for (const entry of entries) this.overview.told(entry);
    // Their names come with the board.
    if (confirmed.data.members.some(({ name }) => !name)) held.confirmed = { ...confirmed, stale: true };
    if (lacks(held)) void this.loader.load(held);
  }

  /** What is shown of a board: its entries, and one's own commands on top. */
  publish(held: Held): void {
    const { confirmed, id } = held;
    if (!confirmed) return;
    this.sending.tellRefused(id);
    const ops = this.opsOf(id);
    this.details.publish(id, ops);
    const shown = applyPending(confirmed, ops, (task) => this.details.checklistOf(task));
    const before = this.state.boards[id];
    const same = before !== undefined && sameFields(before.pending, shown.pending);
    this.put(id, {
      loading: false,
      error: null,
      gone: false,
      partial: confirmed.partial,
      data: reuse(before?.data ?? null, shown),
      pending: same ? before.pending : shown.pending,
    });
  }

  /** One's role is another, and so are one's rights. */
  private loadAgain(): void {
    if (this.state.index) this.overview.loadIndex().catch(() => {});
    for (const held of this.held.values()) {
      if (held.confirmed) held.confirmed = { ...held.confirmed, stale: true };
      if (held.open > 0) this.retry(held.id);
    }
  }

  private retryFailed(): void {
    for (const held of this.held.values()) {
      if (held.open > 0 && this.state.boards[held.id]?.error) this.retry(held.id);
    }
  }

  private clear(person: Id | null): void {
    this.person = person;
    for (const held of this.held.values()) {
      clearTimeout(held.timer);
      held.turn += 1;
      held.open = 0;
    }
    this.held.clear();
    this.looking.clear();
    this.details.clear();
    this.overview.clear();
    this.store.setState(START, true);
  }
}
