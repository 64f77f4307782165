import { AutoScroller, DragDropManager, Draggable, PointerActivationConstraints, PointerSensor } from "@dnd-kit/dom";
import { useEffect } from "react";
import type { Id } from "../../../core/wire";
import { swallowMouse } from "../../lib/touch";
import { carryList, carryTasks, dropCarried, putBack, shiftTo } from "./carrying";
import { flipping } from "./flip";
import { listPlaceAt, placeAt } from "./locate";
import { cellKey } from "./model/grid";
import { Paging } from "./paging";
import type { Scene } from "./scene";
import { useBoardUi } from "./state";

const LIFT_PX = 5;
const HOLD_MS = 280;
const HOLD_SLACK_PX = 8;

type Grabbed = { task: Id; lane: string } | { list: Id };

/** Where the pointer is, and where on the dragged card it took hold; read by what follows it. */
export const pointer = { x: 0, y: 0, left: 0, top: 0, width: 0 };
export const FOLLOW = "board-pointer";

/** What a press on this could drag: a card, or a list by its header. */
function grabbedBy(target: EventTarget | null): Grabbed | null {
  if (!(target instanceof Element)) return null;
  const handle = target.closest<HTMLElement>("[data-list-handle]");
  const control = target.closest("button, a, input, textarea, select");
  if (control && !control.matches("[data-drags]")) return null;
  if (handle?.dataset.listHandle) return { list: handle.dataset.listHandle };
  const { task, lane = "" } = target.closest<HTMLElement>("[data-card]")?.dataset ?? {};
  return task === undefined ? null : { task, lane };
}

/**
 * Drags with mouse, pen and long press. The whole board is the one thing the library drags, so that cards may come and go
 * with scrolling; which card is meant is where the press was.
 */
export function useDragging(scene: Scene, root: HTMLElement | null, editable: boolean, paged: boolean): void {
  useEffect(() => {
    if (!root || !editable) return;
    let grabbed: Grabbed | null = null;
    let moved = false;
    const paging = paged ? new Paging(scene) : null;
    const manager = new DragDropManager({
      modifiers: [],
      plugins: [AutoScroller.configure({ acceleration: 22, threshold: { x: paged ? 0 : 0.1, y: 0.14 } })],
      sensors: [
        PointerSensor.configure({
          activatorElements: [root],
          activationConstraints: (event) =>
            event.pointerType === "touch"
              ? [new PointerActivationConstraints.Delay({ value: HOLD_MS, tolerance: HOLD_SLACK_PX })]
              : [new PointerActivationConstraints.Distance({ value: LIFT_PX })],
          preventActivation: (event) => {
            grabbed = useBoardUi.getState().carried ? null : grabbedBy(event.target);
            return grabbed === null;
          },
        }),
      ],
    });
    const source = new Draggable({ id: "board", element: root, register: false }, manager);
    source.register();

    const follow = (x: number, y: number) => {
      pointer.x = x;
      pointer.y = y;
      window.dispatchEvent(new Event(FOLLOW));
    };
    let frame = 0;
    const aim = () => {
      const { carried } = useBoardUi.getState();
      if (carried?.kind === "tasks") shiftTo(scene, placeAt(scene, carried, pointer.x, pointer.y));
      else if (carried) {
        const at = listPlaceAt(scene, carried.list, pointer.x);
        if (at !== carried.at) flipping(scene, () => useBoardUi.setState({ carried: { ...carried, at } }));
      }
    };
    const onScroll = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(aim);
    };

    const unlisten = [
      manager.monitor.addEventListener("dragstart", ({ operation }) => {
        const { x, y } = operation.position.initial;
        moved = false;
        if (!grabbed || !lift(scene, grabbed, x, y)) return manager.actions.stop({ canceled: true });
        follow(x, y);
        swallowMouse(operation.activatorEvent);
        root.addEventListener("scroll", onScroll, { capture: true, passive: true });
      }),
      manager.monitor.addEventListener("dragmove", ({ to, operation }) => {
        if (!to) return;
        const { x, y } = operation.position.initial;
        moved ||= Math.hypot(to.x - x, to.y - y) > HOLD_SLACK_PX;
        follow(to.x, to.y);
        paging?.follow(to.x);
        aim();
      }),
      manager.monitor.addEventListener("dragend", ({ canceled, operation }) => {
        root.removeEventListener("scroll", onScroll, { capture: true });
        cancelAnimationFrame(frame);
        paging?.stop();
        swallowClick();
        const { carried } = useBoardUi.getState();
        if (!carried || (carried.kind === "tasks" && carried.by === "keys")) return;
        const held =
          operation.activatorEvent instanceof PointerEvent && operation.activatorEvent.pointerType === "touch";
        if (canceled) putBack(scene);
        else if (held && !moved && carried.kind === "tasks") {
          // A finger that rests and does not move asks for the menu.
          putBack(scene);
          const { lead, from } = carried;
          requestAnimationFrame(() => {
            const anchor = scene.element(from.lane, lead);
            if (anchor) useBoardUi.setState({ menu: { task: lead, lane: from.lane, anchor } });
          });
        } else dropCarried(scene);
      }),
      useBoardUi.subscribe(({ carried }, before) => {
        // What is carried may be taken away: somebody else archived it.
        if (!carried && before.carried && manager.dragOperation.status.dragging)
          manager.actions.stop({ canceled: true });
      }),
    ];
    return () => {
      for (const stop of unlisten) stop();
      cancelAnimationFrame(frame);
      paging?.stop();
      source.destroy();
      manager.destroy();
    };
  }, [scene, root, editable, paged]);
}

function lift(scene: Scene, grabbed: Grabbed, x: number, y: number): boolean {
  const element =
    "task" in grabbed
      ? scene.element(grabbed.lane, grabbed.task)
      : scene.root?.querySelector(`[data-list-handle="${CSS.escape(grabbed.list)}"]`);
  if (!element) return false;
  const { left, top, width, height } = element.getBoundingClientRect();
  Object.assign(pointer, { left: x - left, top: y - top, width });
  if ("list" in grabbed) return carryList(scene, grabbed.list);
  if (!carryTasks(scene, grabbed.task, grabbed.lane, "pointer", height)) return false;
  navigator.vibrate?.(8);
  return scene.cells.has(cellKey(grabbed.lane, scene.card(grabbed.task)?.list ?? ""));
}

/** The press that ends a drag clicks nothing, whenever the browser comes to say that it did. */
function swallowClick(): void {
  const end = new AbortController();
  const { signal } = end;
  window.addEventListener("click", (event) => event.detail > 0 && event.stopPropagation(), { capture: true, signal });
  window.addEventListener("pointerdown", () => end.abort(), { capture: true, signal });
}
