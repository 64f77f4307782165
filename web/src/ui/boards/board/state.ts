/** What only the open board knows: which card one is at, what is selected, written or carried. */
import { create } from "zustand";
import type { Id } from "../../../core/wire";
import type { Place } from "./model/grid";

/** Tasks on their way: under the pointer, or lifted with the keyboard. */
export interface Carried {
  kind: "tasks";
  by: "pointer" | "keys";
  /** In the order of the board. */
  ids: Id[];
  /** The one that was taken hold of. */
  lead: Id;
  from: Place;
  /** Where they would go now. */
  at: Place;
  /** Of the gap they would go into, in pixels. */
  height: number;
}

export interface CarriedList {
  kind: "list";
  list: Id;
  from: number;
  at: number;
}

export interface Cursor {
  lane: string;
  task: Id;
}

/** Where a menu opens: at an element, or where the pointer was. */
export type Anchor = Element | { getBoundingClientRect: () => DOMRect };

interface BoardUi {
  /** The card that Tab reaches and the arrows walk from. */
  cursor: Cursor | null;
  /** The card that takes the focus as soon as it is drawn. */
  called: Cursor | null;
  selected: ReadonlySet<Id>;
  /** Where a range begins. */
  anchor: Id | null;
  /** Task that is open beside the board. */
  open: Id | null;
  /** Task whose title is being edited. */
  editing: Id | null;
  /** Cell that new tasks are written into, and at which end. */
  adding: { cell: string; end: "top" | "bottom" } | null;
  /** List whose name is being edited. */
  renaming: Id | null;
  menu: { task: Id; lane: string; anchor: Anchor } | null;
  carried: Carried | CarriedList | null;
  /** For screen readers: each step of what is carried. */
  said: string;
}

const START: BoardUi = {
  cursor: null,
  called: null,
  selected: new Set(),
  anchor: null,
  open: null,
  editing: null,
  adding: null,
  renaming: null,
  menu: null,
  carried: null,
  said: "",
};

export const useBoardUi = create<BoardUi>(() => START);

const { getState, setState } = useBoardUi;

/** For a board that is opened. */
export const startAnew = () => setState(START);
export const say = (said: string) => setState({ said });
export const setCursor = (lane: string, task: Id) => setState({ cursor: { lane, task } });

export function select(selected: ReadonlySet<Id>, anchor: Id | null = getState().anchor): void {
  setState({ selected, anchor: selected.size > 0 ? anchor : null });
}

export const clearSelection = () => select(new Set(), null);
