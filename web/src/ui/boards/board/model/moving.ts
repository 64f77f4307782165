/** Where carried tasks go: steps of the keyboard, and what a place in sight means for the list's real order. */
import type { Id } from "../../../../core/wire";
import { type Grid, type Place, tasksAt } from "./grid";

export type Direction = "up" | "down" | "left" | "right";

/** The tasks of a cell that stay where they are. */
export function staying(tasks: Id[], carried: readonly Id[]): Id[] {
  if (carried.length === 0) return tasks;
  const gone = new Set(carried);
  return tasks.some((id) => gone.has(id)) ? tasks.filter((id) => !gone.has(id)) : tasks;
}

/** The place that many tasks are lifted from: that of the one that was taken hold of, once they are all away. */
export function liftedFrom(grid: Grid, place: Place, carried: readonly Id[]): Place {
  const above = tasksAt(grid, place.lane, place.list).slice(0, place.index);
  return { ...place, index: staying(above, carried).length };
}

/** One step with the arrows. At the end of a lane it goes on in the next one; at the edge of the board it stays. */
export function step(grid: Grid, at: Place, direction: Direction, carried: readonly Id[]): Place {
  const room = (lane: string, list: Id) => staying(tasksAt(grid, lane, list), carried).length;
  const lane = grid.lanes.findIndex(({ key }) => key === at.lane);
  if (direction === "up") {
    if (at.index > 0) return { ...at, index: at.index - 1 };
    const above = grid.lanes[lane - 1];
    return above ? { ...at, lane: above.key, index: room(above.key, at.list) } : at;
  }
  if (direction === "down") {
    if (at.index < room(at.lane, at.list)) return { ...at, index: at.index + 1 };
    const below = grid.lanes[lane + 1];
    return below ? { ...at, lane: below.key, index: 0 } : at;
  }
  const list = grid.lists[grid.lists.indexOf(at.list) + (direction === "left" ? -1 : 1)];
  return list === undefined ? at : { ...at, list, index: Math.min(at.index, room(at.lane, list)) };
}

/**
 * Behind which task of the whole list they come to stand: null is its front, undefined its end. What a filter or a lane
 * hides keeps its place: they go directly behind the task seen above them, or directly before the one seen below.
 */
export function afterFor(order: Id[], seen: Id[], index: number, carried: readonly Id[]): Id | null | undefined {
  const left = staying(seen, carried);
  const above = left[index - 1];
  if (above !== undefined) return above;
  const below = left[0];
  if (below === undefined) return order.length === 0 ? null : undefined;
  const rest = staying(order, carried);
  return rest[rest.indexOf(below) - 1] ?? null;
}

/** Whether they would stand there anyway, in this order. */
export function isSamePlace(order: Id[], carried: readonly Id[], after: Id | null | undefined): boolean {
  const rest = staying(order, carried);
  if (rest.length + carried.length !== order.length) return false;
  const at = after === undefined ? rest.length : after === null ? 0 : rest.indexOf(after) + 1;
  return carried.every((id, offset) => order[at + offset] === id);
}

/** Behind which list one goes that is to be at this place among the others; null is the front. */
export function afterForList(lists: Id[], list: Id, index: number): Id | null {
  return lists.filter((one) => one !== list)[index - 1] ?? null;
}
