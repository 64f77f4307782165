/** Which boards are kept, loaded and followed, and what is shown of them. */
import { create, type StoreApi, type UseBoundStore } from "zustand";
import type { Core } from "../core";
import type { Done } from "../outbox";
import type { BoardEvent, Command } from "../outbox-store";
import { ApiError } from "../problem";
import type { Tenant } from "../tenants";
import type { Entry, Id } from "../wire";
import { type Held, hold, LOADING, reuse, START } from "./board-state";
import { Details } from "./details";
import type { Confirmed } from "./draft";
import { Looking } from "./looking";
import { Overview } from "./overview";
import { applyPending, isSettled, type Op } from "./pending";
import { fromPage, reduceBoard, type Viewer } from "./reduce";
import type { BoardState, BoardsState } from "./store";
import { findTouched } from "./touched";
import type { BoardPage, Comment, Task } from "./wire";

/** Tasks of each list for the first sight, and then all there may be. */
const FIRST = 50;
const ALL = 10_000;
/** Entries that come thick and fast are applied together: each time costs a copy of the board's table of tasks. */
const GATHER_MS = 40;
const ATTEMPTS = 5;
const LAG_MS = 200;
const RETRY_MS = 4_000;
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
  private readonly held = new Map<Id, Held>();
  private person: Id | null = null;

  constructor(core: Core) {
    this.core = core;
    this.details = new Details(this);
    this.overview = new Overview(this);
    this.looking = new Looking(this);
    this.person = core.state.me?.id ?? null;
    core.tenants.push(this);
    core.store.subscribe((state, before) => {
      if ((state.me?.id ?? null) !== this.person) this.clear(state.me?.id ?? null);
      else if (state.me?.role !== before.me?.role) this.reloadAll();
      else if (state.connection.state === "online" && before.connection.state !== "online") this.retryFailed();
    });
  }

  get state(): BoardsState {
    return this.store.getState();
  }

  get viewer(): Viewer {
    const { me, people } = this.core.state;
    return { id: me?.id ?? "", role: me?.role ?? "guest", nameOf: (user) => people[user]?.name ?? "" };
  }

  update(change: Partial<BoardsState>): void {
    this.store.setState(change);
  }

  put(board: Id, change: Partial<BoardState>): void {
    const { boards } = this.state;
    this.update({ boards: { ...boards, [board]: { ...(boards[board] ?? LOADING), ...change } } });
  }

  /** The board as the log has it, if it is loaded. */
  confirmed(board: Id): Confirmed | null {
    return this.held.get(board)?.confirmed ?? null;
  }

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
    this.put(board, { error: null, loading: held.confirmed === null });
    void this.load(held);
  }

  /** Through the outbox; resolves with the server's answer, rejects with ApiError when it is refused. */
  async send(event: BoardEvent, board: Id, args: Record<string, unknown>): Promise<Done> {
    const held = this.hold(board);
    const { outbox } = this.core;
    const known = this.renamed(args);
    const answer = outbox.add(event, board, known, held.confirmed?.seq ?? 0);
    const key = outbox.list(board).at(-1)?.key ?? "";
    try {
      return await answer;
    } catch (error) {
      if (error instanceof ApiError && error.status) this.refuseBehind(board, key, known, error);
      throw error;
    }
  }

  /** What was to be done with something that was refused is refused too; what was to stand behind it stands there. */
  private refuseBehind(board: Id, key: string, args: Record<string, unknown>, error: ApiError): void {
    const { outbox } = this.core;
    for (const command of outbox.list(board)) {
      const named = Object.entries(command.args).some(
        ([name, value]) => !["key", "after"].includes(name) && [value].flat().includes(key),
      );
      if (named) outbox.refuse(command, error);
    }
    // What is no task is taken for the end.
    const { after = args.list } = args;
    outbox.rename(board, key, (after as Id | null | undefined) ?? null);
  }

  /** Shown as if it were in the outbox, until its entry comes or it fails. */
  async during(board: Id, op: Op, work: () => Promise<boolean>): Promise<void> {
    const held = this.hold(board);
    held.local = [...held.local, op];
    this.publish(held);
    const end = () => {
      held.local = held.local.filter((other) => other !== op);
      this.publish(held);
    };
    try {
      if (await work()) end();
    } catch (error) {
      end();
      throw error;
    }
  }

  /** Ids in the place of the keys of what has been confirmed meanwhile. */
  renamed<T>(args: T): T {
    const { made } = this.state;
    const rename = (value: unknown) => (typeof value === "string" ? (made[value] ?? value) : value);
    const renamed = Object.entries(args as object).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(rename) : rename(value),
    ]);
    return Object.fromEntries(renamed) as T;
  }

  // Tenant

  keeps(stream: Id): boolean {
    return this.held.has(stream);
  }

  apply(entries: Entry[], replayed: boolean): void {
    const moved = new Set<Held>();
    for (const entry of entries) {
      const held = this.held.get(entry.stream);
      if (held) {
        held.queue.push({ entry, replayed });
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
    const held = this.held.get(stream);
    if (!held) return null;
    held.turn += 1;
    const confirmed = await this.fetch(held, held.confirmed ? ALL : FIRST, 0);
    this.take(held, confirmed);
    this.details.refresh(stream);
    return confirmed.seq;
  }

  refused(stream: Id): void {
    const held = this.held.get(stream);
    if (!held) return;
    held.turn += 1;
    held.confirmed = null;
    held.queue = [];
    this.core.follower.drop(stream);
    this.looking.forget(stream);
    this.put(stream, { ...LOADING, loading: false, partial: false, gone: true });
    this.overview.drop(stream);
  }

  changed(stream: Id): void {
    const held = this.held.get(stream);
    if (held) this.publish(held);
    this.overview.changed();
  }

  acknowledged(command: Command, done: Done): void {
    const held = this.hold(command.room);
    this.learn(held, command, done);
    if (held.confirmed) held.acked = [...held.acked, { ...toOp(command), done }];
    this.overview.answered(command, done);
  }

  /** What is shown of a board: its entries and one's own commands. */
  publish(held: Held): void {
    const { confirmed, id } = held;
    if (!confirmed) return;
    const ops = this.opsOf(id);
    this.details.publish(id, ops);
    const shown = applyPending(confirmed, ops, (task) => this.details.checklistOf(task));
    const before = this.state.boards[id];
    this.put(id, {
      loading: false,
      error: null,
      gone: false,
      partial: confirmed.partial,
      data: reuse(before?.data ?? null, shown.data, shown.pending),
      pending: shown.pending,
    });
  }

  /** One's own commands that the board as the log has it may not contain. */
  opsOf(board: Id): Op[] {
    const held = this.held.get(board);
    const waiting = this.core.outbox.list(board).map(toOp);
    return [...(held?.acked ?? []), ...waiting, ...(held?.local ?? [])];
  }

  /** A task that has been loaded may tell more about its card. */
  refreshShown(board: Id, otherwise: () => void): void {
    const held = this.held.get(board);
    if (held?.confirmed) this.publish(held);
    otherwise();
  }

  private hold(board: Id): Held {
    const known = this.held.get(board);
    if (known) return known;
    const held = hold(board);
    this.held.set(board, held);
    return held;
  }

  private enter(held: Held): void {
    this.looking.enter(held.id);
    if (this.core.follower.cursor(held.id) !== undefined) return;
    if (held.confirmed) {
      this.core.follower.track(held.id, held.confirmed.seq);
      return;
    }
    this.put(held.id, LOADING);
    void this.load(held);
  }

  private leave(held: Held): void {
    held.open -= 1;
    if (held.open > 0) return;
    this.flush(held);
    this.core.follower.drop(held.id);
    this.looking.leave(held.id);
    const idle = [...this.held.values()].filter((one) => one.open === 0 && !this.opsOf(one.id).length);
    for (const one of idle.slice(0, Math.max(0, idle.length - KEPT))) {
      this.held.delete(one.id);
      const { [one.id]: _forgotten, ...boards } = this.state.boards;
      this.update({ boards });
    }
  }

  /** First what is seen first, then everything; again while something is missing. */
  private async load(held: Held): Promise<void> {
    if (held.loading) return;
    held.loading = true;
    const turn = ++held.turn;
    try {
      do {
        const confirmed = await this.fetch(held, held.confirmed ? ALL : FIRST, held.confirmed?.seq ?? 0);
        if (turn !== held.turn) return;
        this.take(held, confirmed);
      } while (held.open > 0 && (held.confirmed?.partial || held.confirmed?.stale));
    } catch (error) {
      if (turn === held.turn) this.failed(held, error);
    } finally {
      held.loading = false;
    }
  }

  private failed(held: Held, error: unknown): void {
    if (error instanceof ApiError && (error.status === 404 || error.status === 403)) {
      this.refused(held.id);
      return;
    }
    if (held.confirmed) {
      setTimeout(() => held.open > 0 && void this.load(held), RETRY_MS * (1 + Math.random()));
      return;
    }
    const message = error instanceof ApiError ? error.message : "The board can't be loaded. Try again.";
    this.put(held.id, { loading: false, error: message });
  }

  /** A page with everything applied that has been applied so far. One older than `floor` is asked for again. */
  private async fetch(held: Held, first: number, floor: number): Promise<Confirmed> {
    this.flush(held);
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, LAG_MS * 2 ** attempt));
      const recording: Entry[] = [];
      held.recording = recording;
      const page = await this.core.api.get<BoardPage>(`/api/boards/${held.id}`, { first });
      this.flush(held);
      if (held.recording === recording) held.recording = null;
      if (page.head >= floor) return reduceBoard(fromPage(page), recording, this.viewer);
    }
    throw new ApiError("The board can't be loaded just now. Try again in a moment.", 503);
  }

  private take(held: Held, confirmed: Confirmed): void {
    held.confirmed = { ...confirmed, aside: { ...held.confirmed?.aside, ...confirmed.aside } };
    held.acked = held.acked.filter(({ done }) => done && !isSettled(done, confirmed));
    if (held.open > 0) this.core.follower.track(held.id, confirmed.seq);
    this.introduce(confirmed);
    this.publish(held);
  }

  private flush(held: Held): void {
    clearTimeout(held.timer);
    held.timer = undefined;
    if (!held.queue.length) return;
    held.flushed = Date.now();
    const queue = held.queue.splice(0);
    const entries = queue.map(({ entry }) => entry);
    held.recording?.push(...entries);
    if (!held.confirmed) return;
    held.confirmed = reduceBoard(held.confirmed, entries, this.viewer);
    const { confirmed } = held;
    const own = this.learnOwn(held, entries);
    this.details.apply(entries);
    const mine = new Set(this.opsOf(held.id).map((op) => op.key));
    const elsewhere = queue.filter(({ entry, replayed }) => !replayed && !mine.has(entry.key ?? ""));
    this.put(held.id, { touched: findTouched(this.state.boards[held.id]?.touched ?? {}, elsewhere) });
    for (const { key, done } of own) this.core.outbox.confirm(key, done);
    held.acked = held.acked.filter(({ done }) => done && !isSettled(done, confirmed));
    const seen = new Set(entries.map((entry) => entry.key));
    held.local = held.local.filter((op) => !seen.has(op.key));
    this.publish(held);
    for (const entry of entries) this.overview.told(entry);
    if (confirmed.stale || confirmed.data.members.some((member) => !member.name)) void this.load(held);
  }

  /** The log shows own commands to have been carried out, perhaps before their acks came. */
  private learnOwn(held: Held, entries: Entry[]): { key: string; done: Done }[] {
    const waiting = this.core.outbox.list(held.id);
    if (!waiting.length) return [];
    return entries.flatMap((entry) => {
      const command = entry.key && waiting.find(({ key }) => key === entry.key);
      if (!command) return [];
      const done: Done = { seq: entry.seq };
      if (entry.kind === "task.created") done.task = entry.data as Task;
      if (entry.kind === "comment.added") done.comment = entry.data as Comment;
      if (entry.kind === "checklist.changed") done.checklist = entry.data as NonNullable<Done["checklist"]>;
      this.learn(held, command, done);
      return [{ key: command.key, done }];
    });
  }

  /** Keys get their ids. */
  private learn(held: Held, { key, event, args }: Command, done: Done): void {
    const id = event === "task.create" ? done.task?.id : event === "comment.add" ? done.comment?.id : undefined;
    if (id) {
      const { keys, made } = this.state;
      this.update({ keys: { ...keys, [id]: key }, made: { ...made, [key]: id } });
    }
    if (event !== "checklist.add" || !done.checklist) return;
    const item = this.details.freshItem(done.checklist.task, String(args.text), done.checklist.checklist);
    if (!item) return;
    const { keys, made } = this.state;
    this.update({ keys: { ...keys, [item.id]: key }, made: { ...made, [key]: item.id } });
    this.core.outbox.rename(held.id, key, item.id);
  }

  /** People of the board whom one does not know from elsewhere: clients see their names here alone. */
  private introduce({ data }: Confirmed): void {
    const { people } = this.core.state;
    const strangers = data.members.filter((member) => member.name && !people[member.user]);
    if (!strangers.length) return;
    const known = strangers.map(({ user, name }) => [
      user,
      { id: user, name, role: "member" as const, title: "", active: true, created_at: data.board.created_at },
    ]);
    this.core.update((state) => ({ ...state, people: { ...Object.fromEntries(known), ...state.people } }));
  }

  private reloadAll(): void {
    void this.overview.loadIndex().catch(() => {});
    for (const held of this.held.values()) if (held.open > 0) void this.load(held);
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
      held.open = -1;
    }
    this.held.clear();
    this.looking.clear();
    this.details.clear();
    this.overview.clear();
    this.store.setState(START, true);
  }
}

function toOp({ key, event, args, user, created_at }: Command): Op {
  return { key, event: event as BoardEvent, args, user, at: created_at, done: null };
}
