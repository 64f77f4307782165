/** Walking over the cards, and selecting them. */
import type { Id } from "../../../../core/wire";
import { cellKey, type Grid, type Place, tasksAt } from "./grid";
import type { Direction } from "./moving";

/** The card next to this one, or null at the edge. Sideways, lists without tasks are passed over. */
export function walk(grid: Grid, from: Place, direction: Direction): Place | null {
  if (direction === "up" || direction === "down") {
    const by = direction === "up" ? -1 : 1;
    const next = from.index + by;
    if (next >= 0 && next < tasksAt(grid, from.lane, from.list).length) return { ...from, index: next };
    for (let lane = laneIndex(grid, from.lane) + by; lane >= 0 && lane < grid.lanes.length; lane += by) {
      const key = grid.lanes[lane]?.key ?? "";
      const count = tasksAt(grid, key, from.list).length;
      if (count > 0) return { lane: key, list: from.list, index: by < 0 ? count - 1 : 0 };
    }
    return null;
  }
  const by = direction === "left" ? -1 : 1;
  for (let at = grid.lists.indexOf(from.list) + by; at >= 0 && at < grid.lists.length; at += by) {
    const list = grid.lists[at] ?? "";
    const count = tasksAt(grid, from.lane, list).length;
    if (count > 0) return { lane: from.lane, list, index: Math.min(from.index, count - 1) };
  }
  return null;
}

const laneIndex = (grid: Grid, lane: string) => grid.lanes.findIndex(({ key }) => key === lane);

/** The first card of the board. */
export function firstPlace(grid: Grid): Place | null {
  for (const { key } of grid.lanes) {
    for (const list of grid.lists) if (tasksAt(grid, key, list).length > 0) return { lane: key, list, index: 0 };
  }
  return null;
}

/** Every task in sight, each once: list by list within a lane, lane by lane. */
export function inOrder(grid: Grid): Id[] {
  const found = new Set<Id>();
  for (const lane of grid.lanes) {
    for (const list of grid.lists) for (const id of grid.cells[cellKey(lane.key, list)] ?? []) found.add(id);
  }
  return [...found];
}

/** The tasks from one to the other, both included, in the order of the board. */
export function rangeBetween(grid: Grid, from: Id, to: Id): Id[] {
  const all = inOrder(grid);
  const a = all.indexOf(from);
  const b = all.indexOf(to);
  if (a < 0 || b < 0) return b < 0 ? [] : [to];
  return all.slice(Math.min(a, b), Math.max(a, b) + 1);
}

export function toggled(selected: ReadonlySet<Id>, task: Id): Set<Id> {
  const next = new Set(selected);
  if (!next.delete(task)) next.add(task);
  return next;
}
