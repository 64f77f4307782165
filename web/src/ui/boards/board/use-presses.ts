import { useEffect } from "react";
import { navigate } from "wouter/use-browser-location";
import type { Id } from "../../../core/wire";
import { taskPath } from "../paths";
import { rangeBetween, toggled } from "./model/walking";
import type { Scene } from "./scene";
import { clearSelection, select, setCursor, useBoardUi } from "./state";

const CONTROLS = "button, a, input, textarea, select, label";

export function openTask(board: Id, task: Id): void {
  navigate(taskPath(board, task, window.location.search));
}

/** Clicks and the other button on cards, in one place for all of them. */
export function usePresses(scene: Scene, root: HTMLElement | null): void {
  useEffect(() => {
    if (!root) return;
    const onClick = (event: MouseEvent) => {
      const target = event.target as Element;
      if (target.closest(CONTROLS)) return;
      const { task, lane = "" } = target.closest<HTMLElement>("[data-card]")?.dataset ?? {};
      const { selected, anchor, cursor } = useBoardUi.getState();
      if (task === undefined) return clearSelection();
      if (!scene.editable) openTask(scene.board, task);
      else if (event.shiftKey) {
        const from = anchor ?? cursor?.task ?? task;
        select(new Set([...selected, ...rangeBetween(scene.grid, from, task)]), from);
      } else if (event.ctrlKey || event.metaKey || (selected.size > 0 && matchMedia("(hover: none)").matches)) {
        select(toggled(selected, task), task);
      } else openTask(scene.board, task);
      setCursor(lane, task);
    };
    const onContextMenu = (event: MouseEvent) => {
      const card = (event.target as Element).closest<HTMLElement>("[data-card]");
      const { task, lane = "" } = card?.dataset ?? {};
      if (!card || task === undefined || (event.target as Element).closest("input, textarea")) return;
      event.preventDefault();
      // A finger that rests lifts the card; its menu comes when it is let go.
      if (useBoardUi.getState().carried || (event as PointerEvent).pointerType === "touch") return;
      const place = new DOMRect(event.clientX, event.clientY, 0, 0);
      const keyed = event.button !== 2;
      useBoardUi.setState({ menu: { task, lane, anchor: keyed ? card : { getBoundingClientRect: () => place } } });
    };
    const onFocus = (event: FocusEvent) => {
      const { task, lane = "" } = (event.target as HTMLElement).dataset;
      if (task !== undefined && "card" in (event.target as HTMLElement).dataset) setCursor(lane, task);
    };
    root.addEventListener("click", onClick);
    root.addEventListener("contextmenu", onContextMenu);
    root.addEventListener("focusin", onFocus);
    return () => {
      root.removeEventListener("click", onClick);
      root.removeEventListener("contextmenu", onContextMenu);
      root.removeEventListener("focusin", onFocus);
    };
  }, [scene, root]);
}
