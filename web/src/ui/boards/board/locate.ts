/** Which place of the board is under the pointer. */
import type { Id } from "../../../core/wire";
import { cellKey, type Place } from "./model/grid";
import { GAP, type Scene } from "./scene";
import type { Carried } from "./state";

/**
 * The cell under the pointer, or the nearest of its row, and the row in it. Rows count as they lie with the gap among
 * them: once the gap has come to a place, the same place is found there.
 */
export function placeAt(scene: Scene, carried: Carried, x: number, y: number): Place {
  let nearest = carried.at;
  let least = Number.POSITIVE_INFINITY;
  for (const column of scene.root?.querySelectorAll<HTMLElement>("[data-cell-area]") ?? []) {
    const { left, right, top, bottom } = column.getBoundingClientRect();
    const distance = Math.max(left - x, x - right, 0) + 4 * Math.max(top - y, y - bottom, 0);
    if (distance >= least) continue;
    least = distance;
    const { lane = "", list = "" } = column.dataset;
    nearest = { lane, list, index: 0 };
  }
  return { ...nearest, index: indexAt(scene, nearest, y) };
}

function indexAt(scene: Scene, { lane, list }: Place, y: number): number {
  const cell = scene.cells.get(cellKey(lane, list));
  if (!cell) return 0;
  const { virtualizer, rows } = cell;
  const inside = y - cell.box.getBoundingClientRect().top + virtualizer.options.scrollMargin;
  let above = 0;
  for (const item of virtualizer.getVirtualItems()) if (item.start + item.size / 2 < inside) above = item.index + 1;
  return rows.slice(0, above).includes(GAP) ? above - 1 : above;
}

/** Which place among the lists is under the pointer. Animations do not count: they are on their way to what is meant. */
export function listPlaceAt(scene: Scene, carried: Id, x: number): number {
  const columns = [...(scene.root?.querySelectorAll<HTMLElement>("[data-column]") ?? [])];
  const scroller = columns[0]?.offsetParent;
  if (!scroller) return 0;
  const inside = x - scroller.getBoundingClientRect().left + scroller.scrollLeft;
  return columns.filter(
    (column) => column.dataset.column !== carried && column.offsetLeft + column.offsetWidth / 2 < inside,
  ).length;
}
