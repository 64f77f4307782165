/** What is kept of one board behind what is shown, and how the one becomes the other. */
import type { Entry, Id } from "../wire";
import type { Confirmed } from "./draft";
import type { Op, Shown } from "./pending";
import type { BoardData, BoardState, BoardsState } from "./store";

export const START: BoardsState = {
  index: null,
  boards: {},
  details: {},
  mine: null,
  refused: null,
  keys: {},
  made: {},
};

export const LOADING: BoardState = {
  loading: true,
  partial: true,
  error: null,
  gone: false,
  data: null,
  pending: {},
  looking: {},
  touched: {},
};

export interface Held {
  readonly id: Id;
  /** Which one is followed. */
  stream: Id;
  /** The one that was refused last, since anything came. */
  refused: Id | null;
  confirmed: Confirmed | null;
  /** Acknowledged commands whose entries are still to come. */
  acked: Op[];
  /** Moves of lists, which go over HTTP. */
  local: Op[];
  /** How many have it open. */
  open: number;
  gone: boolean;
  loading: boolean;
  /** Grows when what is being loaded is of no more use. */
  turn: number;
  /** Entries that came and wait to be applied together. */
  queue: Incoming[];
  flushed: number;
  timer: ReturnType<typeof setTimeout> | undefined;
  /** Entries applied while pages are on their way. */
  readonly recordings: Set<Entry[]>;
}

export interface Incoming {
  entry: Entry;
  replayed: boolean;
}

export function hold(id: Id): Held {
  return {
    id,
    stream: id,
    refused: null,
    confirmed: null,
    acked: [],
    local: [],
    open: 0,
    gone: false,
    loading: false,
    turn: 0,
    queue: [],
    flushed: 0,
    timer: undefined,
    recordings: new Set(),
  };
}

/** The later one, with the parts of the earlier one that are equal, so that nothing is drawn again in vain. */
export function reuse(before: BoardData | null, { data: after, pending }: Shown): BoardData {
  if (!before || before === after) return after;
  const order = { ...after.order };
  for (const [list, ids] of Object.entries(order)) {
    const known = before.order[list];
    if (known && known !== ids && sameItems(known, ids)) order[list] = known;
  }
  const tasks = after.tasks;
  for (const task of Object.keys(pending)) {
    const [known, card] = [before.tasks[task], tasks[task]];
    // `applyPending` made this record itself.
    if (known && card && known !== card && sameFields(known, card)) tasks[task] = known;
  }
  const lists = sameItems(before.lists, after.lists) ? before.lists : after.lists;
  return { ...after, lists, order: sameFields(before.order, order) ? before.order : order };
}

function sameItems(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((item, at) => item === other[at]);
}

export function sameFields(one: object, other: object): boolean {
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => {
      const [left, right] = [one[name as never] as unknown, other[name as never] as unknown];
      return left === right || (Array.isArray(left) && Array.isArray(right) && sameItems(left, right));
    })
  );
}
