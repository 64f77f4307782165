/** A board that is being changed: copies what it changes, once, and shares the rest with what it was. */
import type { Id } from "../wire";
import type { BoardData } from "./store";
import type { BoardList, Card } from "./wire";

/** A board as the log has it. */
export interface Confirmed {
  /** The stream that tells of it. */
  stream: Id;
  /** Every entry up to it is contained. */
  seq: number;
  data: BoardData;
  /** Tasks that are archived, or in an archived list, as far as they were here before. */
  aside: Record<Id, Card>;
  /** Archived lists of which every task is in `aside`. */
  closed: ReadonlySet<Id>;
  /** Only the first tasks of the long lists are here. */
  partial: boolean;
  /** An entry told of something that is not here: the board has to be loaded afresh. */
  stale: boolean;
}

export class Draft {
  readonly data: BoardData;
  aside: Record<Id, Card>;
  private readonly before: BoardData;
  private readonly asideBefore: Record<Id, Card>;

  constructor({ data, aside }: Pick<Confirmed, "data" | "aside">) {
    this.before = data;
    this.data = { ...data };
    this.asideBefore = aside;
    this.aside = aside;
  }

  card(task: Id): Card | undefined {
    return this.data.tasks[task] ?? this.aside[task];
  }

  /** Puts a task where its list and rank say; out of sight when it or its list is archived. */
  put(card: Card): void {
    const old = this.data.tasks[card.id];
    const shown = !card.archived && this.data.order[card.list] !== undefined;
    const stays = old !== undefined && shown && old.list === card.list && old.rank === card.rank;
    if (old && !stays) this.unlist(old);
    if (!shown) {
      if (old) delete this.tasks()[card.id];
      this.asides()[card.id] = card;
      return;
    }
    this.tasks()[card.id] = card;
    if (this.aside[card.id]) delete this.asides()[card.id];
    if (!stays) this.enlist(card);
  }

  /** Puts a task behind another one (null: in front; not given or not there: at the end), whatever the ranks. */
  place(card: Card, after: Id | null | undefined): void {
    if (this.data.order[card.list] === undefined) return;
    const old = this.data.tasks[card.id];
    if (old) this.unlist(old);
    if (this.aside[card.id]) delete this.asides()[card.id];
    const order = this.order(card.list);
    const behind = after ? order.indexOf(after) : -1;
    const at = after === null ? 0 : behind < 0 ? order.length : behind + 1;
    // Its own rank is not known before the answer: that of the one in front keeps the order.
    const rank = this.data.tasks[order[at - 1] ?? ""]?.rank ?? "";
    this.tasks()[card.id] = { ...card, rank };
    order.splice(at, 0, card.id);
  }

  /** New ranks for tasks that stay in their list. */
  rerank(list: Id, ranks: Record<Id, string>): void {
    for (const [task, rank] of Object.entries(ranks)) {
      const card = this.card(task);
      if (!card) continue;
      const shelf = this.data.tasks[task] ? this.tasks() : this.asides();
      shelf[task] = { ...card, rank };
    }
    if (this.data.order[list]) this.order(list).sort((one, other) => this.compare(one, other));
  }

  /** Whether all its tasks that should be in sight are. */
  putList(list: BoardList, closed: boolean): boolean {
    const others = this.data.lists.filter((one) => one.id !== list.id);
    const open = this.data.order[list.id] !== undefined;
    if (list.archived) {
      this.data.lists = others;
      if (open) this.close(list.id);
      return true;
    }
    const at = others.findIndex((one) => one.rank > list.rank);
    this.data.lists = others.toSpliced(at < 0 ? others.length : at, 0, list);
    if (open) return true;
    this.data.order = { ...this.data.order, [list.id]: [] };
    for (const card of Object.values(this.aside)) if (card.list === list.id && !card.archived) this.put(card);
    return closed;
  }

  private close(list: Id): void {
    for (const task of this.data.order[list] ?? []) {
      const card = this.data.tasks[task];
      if (!card) continue;
      this.asides()[task] = card;
      delete this.tasks()[task];
    }
    const { [list]: _closed, ...order } = this.data.order;
    this.data.order = order;
  }

  tasks(): Record<Id, Card> {
    if (this.data.tasks === this.before.tasks) this.data.tasks = { ...this.before.tasks };
    return this.data.tasks;
  }

  asides(): Record<Id, Card> {
    if (this.aside === this.asideBefore) this.aside = { ...this.asideBefore };
    return this.aside;
  }

  private order(list: Id): Id[] {
    const known = this.data.order[list];
    if (known && known !== this.before.order[list]) return known;
    const copy = [...(known ?? [])];
    this.data.order = { ...this.data.order, [list]: copy };
    return copy;
  }

  /** Takes a task out of its list, to be placed elsewhere. */
  unlist(card: Card): void {
    const at = this.data.order[card.list]?.indexOf(card.id) ?? -1;
    if (at >= 0) this.order(card.list).splice(at, 1);
  }

  private enlist(card: Card): void {
    const order = this.order(card.list);
    let [low, high] = [0, order.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.compare(order[middle] ?? "", card.id) < 0) low = middle + 1;
      else high = middle;
    }
    order.splice(low, 0, card.id);
  }

  /** By rank; two ranks are the same only between the entries of one command. */
  private compare(one: Id, other: Id): number {
    const [left, right] = [this.data.tasks[one]?.rank ?? "", this.data.tasks[other]?.rank ?? ""];
    if (left !== right) return left < right ? -1 : 1;
    return one < other ? -1 : 1;
  }
}
