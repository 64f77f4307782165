/** What one does with tasks and lists here; refusals are told as notes. */
import type { Card, TaskChange } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { plural } from "../../lib/names";
import { attempt, copyText, note } from "../../state";
import { taskPath } from "../paths";
import { boardActions } from "../store";
import { laneChange, type Place, tasksAt } from "./model/grid";
import { afterFor, afterForList, isSamePlace } from "./model/moving";
import { inOrder } from "./model/walking";
import type { Scene } from "./scene";
import { clearSelection, useBoardUi } from "./state";

/** Selected tasks that are seen, in the order of the board. */
export function selectedTasks({ grid }: Scene): Id[] {
  const { selected } = useBoardUi.getState();
  return selected.size > 0 ? inOrder(grid).filter((id) => selected.has(id)) : [];
}

/** What an action on this task is about: the selection if it is part of it, else itself. */
export function meant(scene: Scene, task: Id): Id[] {
  const selected = selectedTasks(scene);
  return selected.includes(task) ? selected : [task];
}

/** The server moves and archives at most so many at once. */
const MOST_AT_ONCE = 100;

function inChunks(tasks: readonly Id[]): Id[][] {
  const chunks: Id[][] = [];
  for (let at = 0; at < tasks.length; at += MOST_AT_ONCE) chunks.push(tasks.slice(at, at + MOST_AT_ONCE));
  return chunks;
}

/** `after`: null is the front, undefined the end. */
export function moveTasks(scene: Scene, tasks: readonly Id[], list: Id, after: Id | null | undefined): void {
  if (isSamePlace(scene.data?.order[list] ?? [], tasks, after)) return;
  void attempt(async () => {
    let behind = after;
    await Promise.all(
      inChunks(tasks).map((chunk) => {
        const moved = boardActions.moveTasks(scene.board, chunk, list, behind);
        if (behind !== undefined) behind = chunk.at(-1);
        return moved;
      }),
    );
  });
}

/** To a place on the board as it is seen: its list, and what its lane stands for. */
export function dropTasks(scene: Scene, tasks: readonly Id[], from: Place, at: Place): void {
  const { grid, data } = scene;
  if (!data) return;
  const order = data.order[at.list] ?? [];
  moveTasks(scene, tasks, at.list, afterFor(order, tasksAt(grid, at.lane, at.list), at.index, tasks));
  if (at.lane === from.lane) return;
  const [lost, got] = [scene.laneValue(from.lane), scene.laneValue(at.lane)];
  changeTasks(scene, tasks, (card) => laneChange(card, grid.by, lost, got));
}

export function changeTasks(scene: Scene, tasks: readonly Id[], changeOf: (card: Card) => TaskChange | null): void {
  void attempt(() =>
    Promise.all(
      tasks.map((task) => {
        const card = scene.card(task);
        const change = card && changeOf(card);
        return change ? boardActions.changeTask(scene.board, task, change) : undefined;
      }),
    ),
  );
}

/** Adds what was chosen to all of them, and takes from all what was no longer. */
export function changeShared(
  scene: Scene,
  tasks: readonly Id[],
  field: "assignees" | "labels",
  before: readonly Id[],
  chosen: readonly Id[],
): void {
  const added = chosen.filter((id) => !before.includes(id));
  const removed = before.filter((id) => !chosen.includes(id));
  changeTasks(scene, tasks, (card) => {
    const next = [...card[field].filter((id) => !removed.includes(id))];
    for (const id of added) if (!next.includes(id)) next.push(id);
    return next.length === card[field].length && next.every((id) => card[field].includes(id))
      ? null
      : { [field]: next };
  });
}

export function archiveTasks(scene: Scene, tasks: readonly Id[]): void {
  const { board } = scene;
  const { selected } = useBoardUi.getState();
  if (tasks.some((task) => selected.has(task))) clearSelection();
  void attempt(() => Promise.all(inChunks(tasks).map((chunk) => boardActions.archiveTasks(board, chunk))));
  note(`${plural(tasks.length, "task")} archived.`, false, {
    label: "Undo",
    run: () => void attempt(() => Promise.all(tasks.map((task) => boardActions.restoreTask(board, task)))),
  });
}

export function moveListBy(scene: Scene, list: Id, by: 1 | -1): boolean {
  const lists = scene.data?.lists.map((one) => one.id) ?? [];
  const index = lists.indexOf(list) + by;
  if (index < 0 || index >= lists.length) return false;
  moveListTo(scene, list, index);
  return true;
}

/** `index`: its place once it is moved. */
export function moveListTo(scene: Scene, list: Id, index: number): void {
  const lists = scene.data?.lists.map((one) => one.id) ?? [];
  if (lists.indexOf(list) === index) return;
  void attempt(() => boardActions.moveList(scene.board, list, afterForList(lists, list, index)));
}

export async function archiveList(list: Id, name: string): Promise<void> {
  if (!(await attempt(() => boardActions.archiveList(list)))) return;
  note(`The list ${name} is archived.`, false, {
    label: "Undo",
    run: () => void attempt(() => boardActions.restoreList(list)),
  });
}

export function copyTaskLink(board: Id, task: Id): void {
  void copyText(new URL(taskPath(board, task), window.location.href).href, "Link copied.");
}
