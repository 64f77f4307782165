/** The board as it is drawn: cells of tasks, one for each list, or one for each lane and list. */
import type { BoardData } from "../../../../core/boards/store";
import type { Card, Priority } from "../../../../core/boards/wire";
import type { Id } from "../../../../core/wire";

export type Lanes = "assignee" | "priority" | null;

/** A row across the lists. `value` is what its tasks have in common; null is nobody, or no priority. */
export interface Lane {
  key: string;
  value: Id | Priority | null;
}

export interface Grid {
  by: Lanes;
  lanes: Lane[];
  lists: Id[];
  /** `cellKey` → its tasks in their order. */
  cells: Record<string, Id[]>;
}

/** Where a task stands, or would stand among the tasks that are not carried. */
export interface Place {
  lane: string;
  list: Id;
  index: number;
}

export const WHOLE: Lane = { key: "", value: null };
const NONE = "none";
const PRIORITY_LANES: Lane[] = [
  { key: "high", value: "high" },
  { key: "medium", value: "medium" },
  { key: "low", value: "low" },
  { key: NONE, value: null },
];
const NO_TASKS: Id[] = [];

export const cellKey = (lane: string, list: Id) => `${lane}/${list}`;

export function tasksAt(grid: Grid, lane: string, list: Id): Id[] {
  return grid.cells[cellKey(lane, list)] ?? NO_TASKS;
}

export function taskAt(grid: Grid, place: Place | null): Id | undefined {
  return place ? tasksAt(grid, place.lane, place.list)[place.index] : undefined;
}

interface Options {
  by: Lanes;
  fits: ((card: Card) => boolean) | null;
  me: Id | undefined;
  nameOf: (person: Id) => string;
}

/** Cells that are as before are the same arrays, so that only what changed is drawn. */
export function buildGrid(data: BoardData, { by, fits, me, nameOf }: Options, before?: Grid): Grid {
  const lanes = by === null ? [WHOLE] : by === "priority" ? PRIORITY_LANES : peopleLanes(data, me, nameOf);
  const cells: Record<string, Id[]> = {};
  const lists = data.lists.map((list) => list.id);
  for (const list of lists) {
    const order = data.order[list] ?? NO_TASKS;
    if (by === null && fits === null) {
      cells[cellKey("", list)] = order;
      continue;
    }
    for (const lane of lanes) cells[cellKey(lane.key, list)] = [];
    for (const id of order) {
      const card = data.tasks[id];
      if (!card || (fits && !fits(card))) continue;
      for (const lane of lanesOf(card, by)) cells[cellKey(lane, list)]?.push(id);
    }
  }
  if (before) for (const key in cells) cells[key] = same(before.cells[key], cells[key] ?? NO_TASKS);
  return { by, lanes, lists, cells };
}

/** Everybody with a task, by name and oneself first, and nobody last. */
function peopleLanes(data: BoardData, me: Id | undefined, nameOf: (person: Id) => string): Lane[] {
  const found = new Set<Id>();
  for (const id in data.tasks) for (const person of data.tasks[id]?.assignees ?? []) found.add(person);
  if (me) found.delete(me);
  const people = [...found].sort((a, b) => nameOf(a).localeCompare(nameOf(b)));
  if (me) people.unshift(me);
  return [...people.map((person) => ({ key: person, value: person })), { key: NONE, value: null }];
}

/** The lanes a task stands in: one for each of its people. */
function lanesOf(card: Card, by: Lanes): string[] {
  if (by === "priority") return [card.priority ?? NONE];
  if (by === "assignee") return card.assignees.length > 0 ? card.assignees : [NONE];
  return [""];
}

function same(before: Id[] | undefined, after: Id[]): Id[] {
  if (!before || before.length !== after.length) return after;
  return before.every((id, index) => id === after[index]) ? before : after;
}

/** Where a task stands: in the wanted lane when it has one there, else in its first. */
export function placeOf(grid: Grid, task: Id, lane?: string): Place | null {
  const lanes = [...grid.lanes].sort((a, b) => Number(b.key === lane) - Number(a.key === lane));
  for (const { key } of lanes) {
    for (const list of grid.lists) {
      const index = tasksAt(grid, key, list).indexOf(task);
      if (index >= 0) return { lane: key, list, index };
    }
  }
  return null;
}

/** What a task gets or loses when it goes from one lane to another; null when nothing changes. */
export function laneChange(
  card: Card,
  by: Lanes,
  from: Lane["value"],
  to: Lane["value"],
): Pick<Partial<Card>, "priority" | "assignees"> | null {
  if (by === null) return null;
  if (by === "priority") return card.priority === to ? null : { priority: to as Priority | null };
  const assignees = card.assignees.filter((person) => person !== from);
  if (to !== null && !assignees.includes(to)) assignees.push(to);
  const unchanged = assignees.length === card.assignees.length && assignees.every((id) => card.assignees.includes(id));
  return unchanged ? null : { assignees };
}
