/** The open board for everything that works outside of drawing: dragging, keys, menus. It is the same as long as the board is. */
import type { Virtualizer } from "@tanstack/react-virtual";
import { createContext, useContext } from "react";
import type { BoardData } from "../../../core/boards/store";
import type { Card, Priority } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { personName } from "../../lib/names";
import { useStore } from "../../store";
import { PRIORITY_NAMES } from "../parts/PriorityMark";
import { useBoards } from "../store";
import { cellKey, type Grid, type Lane, placeOf } from "./model/grid";
import type { Names } from "./model/said";

/** Stands in a cell's rows where carried tasks would go. */
export const GAP = "gap";

/** A cell that is drawn. */
export interface CellHandle {
  lane: string;
  list: Id;
  /** As high as all its rows. */
  box: HTMLElement;
  /** Tasks, and perhaps the gap, from the top. */
  rows: readonly Id[];
  virtualizer: Virtualizer<HTMLElement, Element>;
}

export class Scene {
  grid: Grid = { by: null, lanes: [], lists: [], cells: {} };
  readonly cells = new Map<string, CellHandle>();
  root: HTMLElement | null = null;

  constructor(readonly board: Id) {}

  get data(): BoardData | null {
    return useBoards.getState().boards[this.board]?.data ?? null;
  }

  get editable(): boolean {
    const { data } = this;
    return data !== null && mayEdit(data);
  }

  card(task: Id): Card | undefined {
    return this.data?.tasks[task];
  }

  laneValue(key: string): Lane["value"] {
    return this.grid.lanes.find((lane) => lane.key === key)?.value ?? null;
  }

  readonly laneName = (key: string): string => laneName(this.grid.by, this.laneValue(key));

  names(): Names | null {
    const { data, grid, laneName } = this;
    return data && { data, grid, laneName };
  }

  element(lane: string, task: Id): HTMLElement | null {
    const key = CSS.escape(task);
    return (
      this.root?.querySelector<HTMLElement>(`[data-card][data-task="${key}"][data-lane="${CSS.escape(lane)}"]`) ?? null
    );
  }

  /** Scrolls the task into view; what is far away is not in the document until then. */
  reveal(lane: string, task: Id): void {
    const place = placeOf(this.grid, task, lane);
    if (!place) return;
    const cell = this.cells.get(cellKey(place.lane, place.list));
    const index = cell?.rows.indexOf(task) ?? -1;
    if (cell && index >= 0 && this.grid.by === null) cell.virtualizer.scrollToIndex(index, { align: "auto" });
    this.element(place.lane, task)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
}

export const mayEdit = ({ right, board }: BoardData) => !board.archived && (right === "edit" || right === "manage");

export function laneName(by: Grid["by"], value: Lane["value"]): string {
  if (by === "priority") return value === null ? "No priority" : `${PRIORITY_NAMES[value as Priority]} priority`;
  return value === null ? "Nobody" : personName(useStore.getState().people[value]);
}

const SceneContext = createContext<Scene | null>(null);
export const SceneProvider = SceneContext.Provider;

export function useScene(): Scene {
  const scene = useContext(SceneContext);
  if (!scene) throw new Error("useScene outside of a board");
  return scene;
}

export function useCard(board: Id, task: Id): Card | undefined {
  return useBoards((state) => state.boards[board]?.data?.tasks[task]);
}

/** Whether one may change tasks and lists. */
export function useEditable(board: Id): boolean {
  return useBoards((state) => {
    const data = state.boards[board]?.data;
    return data ? mayEdit(data) : false;
  });
}
