/** The life of what is carried, whether by pointer or by keys: lifted, shifted, then dropped, put back or taken away. */
import { useEffect } from "react";
import type { Id } from "../../../core/wire";
import { note } from "../../state";
import { useBoards } from "../store";
import { flyFromPointer } from "./flip";
import { type Place, placeOf } from "./model/grid";
import { type Direction, liftedFrom, step } from "./model/moving";
import { saidAt, saidCancelled, saidDropped, saidLifted } from "./model/said";
import type { Scene } from "./scene";
import { type Carried, say, setCursor, useBoardUi } from "./state";
import { dropTasks, meant, moveListTo } from "./verbs";

/** Lifts a task, or all selected ones if it is one of them. Answers whether there was anything to lift. */
export function carryTasks(scene: Scene, lead: Id, lane: string, by: Carried["by"], height: number): boolean {
  const place = placeOf(scene.grid, lead, lane);
  const names = scene.names();
  if (!place || !names) return false;
  const ids = meant(scene, lead);
  const from = liftedFrom(scene.grid, place, ids);
  setCursor(place.lane, lead);
  useBoardUi.setState({
    carried: { kind: "tasks", by, ids, lead, from, at: from, height },
    menu: null,
    said: saidLifted(names, ids, lead, from),
  });
  return true;
}

export function carryList(scene: Scene, list: Id): boolean {
  const from = scene.data?.lists.findIndex((one) => one.id === list) ?? -1;
  if (from < 0) return false;
  useBoardUi.setState({ carried: { kind: "list", list, from, at: from }, menu: null });
  return true;
}

export function shiftTo(scene: Scene, at: Place | null): void {
  const { carried } = useBoardUi.getState();
  const names = scene.names();
  if (!at || !names || carried?.kind !== "tasks") return;
  const { lane, list, index } = carried.at;
  if (at.lane === lane && at.list === list && at.index === index) return;
  useBoardUi.setState({ carried: { ...carried, at }, said: saidAt(names, carried.ids, carried.lead, at) });
}

export function stepCarried(scene: Scene, direction: Direction): void {
  const { carried } = useBoardUi.getState();
  if (carried?.kind !== "tasks") return;
  const at = step(scene.grid, carried.at, direction, carried.ids);
  setCursor(at.lane, carried.lead);
  shiftTo(scene, at);
}

export function dropCarried(scene: Scene): void {
  const { carried } = useBoardUi.getState();
  if (!carried) return;
  if (carried.kind === "list") {
    useBoardUi.setState({ carried: null });
    moveListTo(scene, carried.list, carried.at);
    return;
  }
  const { ids, lead, from, at } = carried;
  const names = scene.names();
  if (carried.by === "pointer") flyFromPointer(scene, ids);
  useBoardUi.setState({
    carried: null,
    cursor: { lane: at.lane, task: lead },
    said: names ? saidDropped(names, ids, lead, at) : "",
  });
  dropTasks(scene, ids, from, at);
}

export function putBack(scene: Scene): void {
  const { carried } = useBoardUi.getState();
  if (!carried) return;
  if (carried.kind === "list") {
    useBoardUi.setState({ carried: null });
    return;
  }
  const { ids, lead, from } = carried;
  const names = scene.names();
  if (carried.by === "pointer") flyFromPointer(scene, ids);
  useBoardUi.setState({
    carried: null,
    cursor: { lane: from.lane, task: lead },
    said: names ? saidCancelled(names, ids, lead, from) : "",
  });
}

/** While something is carried others go on: what is gone can't be carried, and where a list is gone nothing can go. */
export function useCarriedKept(scene: Scene): void {
  useEffect(
    () =>
      useBoards.subscribe((state, before) => {
        const { carried } = useBoardUi.getState();
        const [now, then] = [state.boards[scene.board]?.data, before.boards[scene.board]?.data];
        if (!carried || now === then) return;
        if (carried.kind === "list") {
          if (!now?.lists.some((list) => list.id === carried.list)) endWith("The list was archived meanwhile.");
          return;
        }
        const tasks = now?.tasks ?? {};
        const rename = (id: Id) => (tasks[id] ? id : (state.made[id] ?? id));
        const lead = rename(carried.lead);
        const ids = carried.ids.map(rename).filter((id) => tasks[id]);
        if (!tasks[lead]) endWith(`“${then?.tasks[carried.lead]?.title ?? "The task"}” was archived meanwhile.`);
        else if (!now?.order[carried.at.list]) endWith("The list was archived meanwhile.");
        else if (ids.length !== carried.ids.length || lead !== carried.lead)
          useBoardUi.setState({ carried: { ...carried, ids, lead } });
      }),
    [scene],
  );
}

function endWith(reason: string): void {
  useBoardUi.setState({ carried: null });
  say(reason);
  note(reason);
}
