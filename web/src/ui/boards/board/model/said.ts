/** What a screen reader is told while tasks or lists are carried. */
import type { BoardData } from "../../../../core/boards/store";
import type { Id } from "../../../../core/wire";
import { plural } from "../../../lib/names";
import { type Grid, type Place, tasksAt } from "./grid";
import { staying } from "./moving";

export interface Names {
  data: BoardData;
  grid: Grid;
  laneName: (lane: string) => string;
}

/** "Design logo", or "Design logo and 2 more". */
export function namesOf({ data }: Names, tasks: readonly Id[], lead: Id): string {
  const title = data.tasks[lead]?.title ?? "A task";
  return tasks.length > 1 ? `${title} and ${tasks.length - 1} more` : title;
}

/** "position 2 of 5 in Doing". */
export function placeWords({ data, grid, laneName }: Names, at: Place, carried: readonly Id[]): string {
  const list = data.lists.find((one) => one.id === at.list)?.name ?? "a list";
  const count = staying(tasksAt(grid, at.lane, at.list), carried).length + carried.length;
  const where = grid.by === null ? list : `${list}, ${laneName(at.lane)}`;
  return `position ${at.index + 1} of ${count} in ${where}`;
}

export const HOW_TO_CARRY = "Arrows move, Space drops, Escape cancels.";

export function saidLifted(names: Names, tasks: readonly Id[], lead: Id, at: Place): string {
  return `Lifted ${namesOf(names, tasks, lead)}, ${placeWords(names, at, tasks)}. ${HOW_TO_CARRY}`;
}

export function saidAt(names: Names, tasks: readonly Id[], lead: Id, at: Place): string {
  return `${namesOf(names, tasks, lead)}, ${placeWords(names, at, tasks)}`;
}

export function saidDropped(names: Names, tasks: readonly Id[], lead: Id, at: Place): string {
  return `Dropped ${namesOf(names, tasks, lead)}, ${placeWords(names, at, tasks)}`;
}

export function saidCancelled(names: Names, tasks: readonly Id[], lead: Id, from: Place): string {
  return `Cancelled. ${namesOf(names, tasks, lead)} back at ${placeWords(names, from, tasks)}`;
}

export const saidSelected = (count: number) => (count === 0 ? "Nothing selected" : `${plural(count, "task")} selected`);
