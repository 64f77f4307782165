/** Who else looks at the boards one has open, and telling them what one looks at. */
import type { Id, Signal } from "../wire";
import type { Boards } from "./boards";
import type { Looking as Look } from "./wire";

const TELL_EVERY_MS = 10_000;
const FORGET_MS = 25_000;
const ANSWER_WITHIN_MS = 1_000;
/** Faces shown at once; more are not kept. */
const MOST = 50;

export class Looking {
  private readonly boards: Boards;
  /** Board → the task one looks at there, or null. */
  private readonly mine = new Map<Id, Id | null>();
  /** Board → person → when they were heard of. */
  private readonly heardAt = new Map<Id, Map<Id, number>>();
  private readonly answering = new Set<Id>();
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(boards: Boards) {
    this.boards = boards;
    boards.core.live.listeners.looking = (data, signal) => this.hear(signal, data as unknown as Look);
  }

  /** Others hear of it once the server knows that one follows the board: before that it does not listen. */
  enter(board: Id): void {
    this.mine.set(board, this.mine.get(board) ?? null);
    if (this.timer !== undefined) return;
    this.timer = setInterval(() => this.beat(), TELL_EVERY_MS);
    document.addEventListener("visibilitychange", this.turned);
  }

  again(board: Id): void {
    if (this.mine.has(board)) this.tell(board);
  }

  look(board: Id, task: Id | null): void {
    if (!this.mine.has(board) || this.mine.get(board) === task) return;
    this.mine.set(board, task);
    this.tell(board);
  }

  leave(board: Id): void {
    if (!this.mine.has(board)) return;
    this.signal(board, null, false);
    this.forget(board);
    if (this.mine.size === 0) this.clear();
  }

  forget(board: Id): void {
    this.mine.delete(board);
    this.heardAt.delete(board);
    if (Object.keys(this.boards.state.boards[board]?.looking ?? {}).length) this.boards.put(board, { looking: {} });
  }

  clear(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    document.removeEventListener("visibilitychange", this.turned);
    this.mine.clear();
    this.heardAt.clear();
  }

  private readonly turned = () => this.beat();

  private beat(): void {
    for (const board of this.mine.keys()) {
      if (document.visibilityState === "visible") this.tell(board);
      this.fade(board);
    }
  }

  private tell(board: Id): void {
    const task = this.mine.get(board) ?? null;
    // One that is not confirmed is nothing to others.
    const known = task !== null && !this.boards.core.outbox.list(board).some(({ key }) => key === task);
    this.signal(board, known ? task : null, true);
  }

  private signal(board: Id, task: Id | null, on: boolean): void {
    this.boards.core.connection.tell("look", { board: this.boards.hold(board).stream, task, on });
  }

  private hear({ stream, actor }: Signal, { task, on }: Look): void {
    const board = this.boards.followedBy(stream)?.id ?? "";
    if (!this.mine.has(board) || actor === this.boards.core.state.me?.id) return;
    const heard = this.heardAt.get(board) ?? new Map<Id, number>();
    this.heardAt.set(board, heard);
    const known = heard.has(actor);
    if (on && (known || heard.size < MOST)) heard.set(actor, Date.now());
    else heard.delete(actor);
    this.show(board, actor, task);
    if (on && !known) this.answer(board);
  }

  /** A newcomer does not know who is here. */
  private answer(board: Id): void {
    if (this.answering.has(board)) return;
    this.answering.add(board);
    setTimeout(() => {
      this.answering.delete(board);
      if (this.mine.has(board) && document.visibilityState === "visible") this.tell(board);
    }, Math.random() * ANSWER_WITHIN_MS);
  }

  private fade(board: Id): void {
    const heard = this.heardAt.get(board);
    const old = [...(heard ?? [])].filter(([, at]) => Date.now() - at > FORGET_MS);
    for (const [person] of old) {
      heard?.delete(person);
      this.show(board, person, null);
    }
  }

  private show(board: Id, person: Id, task: Id | null): void {
    const { [person]: before, ...others } = this.boards.state.boards[board]?.looking ?? {};
    const here = this.heardAt.get(board)?.has(person);
    if (here && before === task) return;
    this.boards.put(board, { looking: here ? { ...others, [person]: task } : others });
  }
}
