import { useEffect } from "react";
import type { Id } from "../../../core/wire";
import { useUi } from "../../state";
import { carryTasks, dropCarried, putBack, stepCarried } from "./carrying";
import { cellKey, placeOf, taskAt, tasksAt } from "./model/grid";
import type { Direction } from "./model/moving";
import { saidSelected } from "./model/said";
import { rangeBetween, toggled, walk } from "./model/walking";
import type { Scene } from "./scene";
import { type Cursor, clearSelection, say, select, setCursor, useBoardUi } from "./state";
import { openTask } from "./use-presses";
import { archiveTasks, meant } from "./verbs";

const ARROWS: Record<string, Direction> = {
  ArrowUp: "up",
  ArrowDown: "down",
  ArrowLeft: "left",
  ArrowRight: "right",
};

/** A board that was hidden behind a task, as on a phone, is drawn a little later. */
const CALL_MS = 400;

const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** The board's keys. Those of a card work when it has the focus; `n`, `/` and Escape wherever nothing is typed. */
export function useKeys(scene: Scene, root: HTMLElement | null): void {
  useEffect(() => {
    if (!root) return;
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      const { carried, menu } = useBoardUi.getState();
      const card = event.target instanceof HTMLElement && "card" in event.target.dataset ? event.target.dataset : null;
      const used =
        carried?.kind === "tasks" && carried.by === "keys"
          ? carryKey(scene, event)
          : (card?.task !== undefined && cardKey(scene, event, { task: card.task, lane: card.lane ?? "" })) ||
            (!menu && !isTyping(event.target) && !useUi.getState().overlay && boardKey(scene, event));
      if (used) event.preventDefault();
    };
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, [scene, root]);
}

function carryKey(scene: Scene, { key }: KeyboardEvent): boolean {
  const direction = ARROWS[key];
  if (direction) stepCarried(scene, direction);
  else if (key === " " || key === "Enter") dropCarried(scene);
  else if (key === "Escape") putBack(scene);
  // Nothing else happens on the way.
  focusCursor(scene);
  return true;
}

function cardKey(scene: Scene, event: KeyboardEvent, at: Cursor): boolean {
  const { task, lane } = at;
  const direction = ARROWS[event.key];
  if (direction) {
    step(scene, at, direction, event.shiftKey);
    return true;
  }
  if (event.key === "Home" || event.key === "End") return toEdge(scene, at, event.key === "End");
  if (event.key === "Enter") {
    openTask(scene.board, task);
    return true;
  }
  const element = scene.element(lane, task);
  if (event.key === "m" && element) {
    useBoardUi.setState({ menu: { task, lane, anchor: element } });
    return true;
  }
  if (!scene.editable) return false;
  if (event.key === " ") {
    carryTasks(scene, task, lane, "keys", 0);
    focusCursor(scene);
  } else if (event.key === "F2") useBoardUi.setState({ editing: task, cursor: at });
  else if (event.key === "x") {
    const selected = toggled(useBoardUi.getState().selected, task);
    select(selected, task);
    say(saidSelected(selected.size));
  } else if (event.key === "e") archiveAt(scene, at);
  else return false;
  return true;
}

function boardKey(scene: Scene, event: KeyboardEvent): boolean {
  const { cursor, selected } = useBoardUi.getState();
  if (event.key === "Escape" && selected.size > 0 && !event.shiftKey) {
    clearSelection();
    return true;
  }
  if (event.key === "/") {
    const field = document.querySelector<HTMLInputElement>('[data-testid="filters"] input[type="search"]');
    field?.focus();
    return field !== null;
  }
  if (event.key === "n" && scene.editable) {
    const at = cursor && placeOf(scene.grid, cursor.task, cursor.lane);
    const lane = at?.lane ?? scene.grid.lanes[0]?.key ?? "";
    const list = at?.list ?? scene.grid.lists[0];
    if (list === undefined) return false;
    useBoardUi.setState({ adding: { cell: cellKey(lane, list), end: "top" } });
    return true;
  }
  // From nowhere, the arrows begin where one was.
  if (event.target === document.body && ARROWS[event.key] && cursor) {
    focusCursor(scene);
    return true;
  }
  return false;
}

function step(scene: Scene, at: Cursor, direction: Direction, extending: boolean): void {
  const from = placeOf(scene.grid, at.task, at.lane);
  const next = from && walk(scene.grid, from, direction);
  const task = taskAt(scene.grid, next);
  if (!next || task === undefined) return;
  if (extending && scene.editable) {
    const anchor = useBoardUi.getState().anchor ?? at.task;
    const range = rangeBetween(scene.grid, anchor, task);
    select(new Set(range), anchor);
    say(saidSelected(range.length));
  }
  focusTask(scene, next.lane, task);
}

function toEdge(scene: Scene, at: Cursor, end: boolean): boolean {
  const place = placeOf(scene.grid, at.task, at.lane);
  const task = place ? tasksAt(scene.grid, place.lane, place.list).at(end ? -1 : 0) : undefined;
  if (!place || task === undefined) return false;
  focusTask(scene, place.lane, task);
  return true;
}

/** What stands below comes under the focus. */
function archiveAt(scene: Scene, at: Cursor): void {
  const tasks = meant(scene, at.task);
  const place = placeOf(scene.grid, at.task, at.lane);
  const cell = place ? tasksAt(scene.grid, place.lane, place.list) : [];
  const left = (id: Id | undefined) => id !== undefined && !tasks.includes(id);
  const next = cell.slice(place?.index ?? 0).find(left) ?? cell.findLast(left);
  archiveTasks(scene, tasks);
  if (place && next !== undefined) focusTask(scene, place.lane, next);
}

export function focusTask(scene: Scene, lane: string, task: Id): void {
  setCursor(lane, task);
  focusCursor(scene);
}

/** At once, so that no key is lost: a card at the cursor is always drawn, wherever it stands. */
function focusCursor(scene: Scene): void {
  const { cursor } = useBoardUi.getState();
  if (!cursor) return;
  useBoardUi.setState({ called: cursor });
  requestAnimationFrame(() => {
    scene.reveal(cursor.lane, cursor.task);
    scene.element(cursor.lane, cursor.task)?.focus({ preventScroll: true });
  });
  setTimeout(() => useBoardUi.getState().called === cursor && useBoardUi.setState({ called: null }), CALL_MS);
}
