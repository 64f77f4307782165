import { type PointerEvent, type RefObject, useCallback, useEffect, useRef, useState } from "react";
import type { Id } from "../../../core/wire";
import { swallowMouse } from "../../lib/touch";

const SLACK_PX = 5;
const HOLD_MS = 280;

export interface DayDrag {
  /** The task being dragged. */
  task: Id | null;
  /** The day it would go to; "none" is the tray. */
  over: string | null;
  /** What follows the pointer. */
  ghost: RefObject<HTMLDivElement | null>;
  onPointerDown: (event: PointerEvent) => void;
}

interface Grip {
  task: Id;
  x: number;
  y: number;
  touch: boolean;
  moving: boolean;
  over: string | null;
}

/**
 * Drags elements with `data-drag-task` onto those with `data-day`, by mouse at once and by finger after a moment's hold.
 * Escape gives up. Without a pointer, days are changed by keys (see MonthGrid).
 */
export function useDayDrag(onDrop: (task: Id, day: string) => void): DayDrag {
  const [shown, setShown] = useState<{ task: Id | null; over: string | null }>({ task: null, over: null });
  const ghost = useRef<HTMLDivElement>(null);
  const end = useRef<() => void>(() => undefined);
  const drop = useRef(onDrop);
  useEffect(() => {
    drop.current = onDrop;
  });
  useEffect(() => () => end.current(), []);

  const onPointerDown = useCallback((event: PointerEvent) => {
    const source = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-drag-task]") : null;
    if (!source || event.button !== 0 || !event.isPrimary) return;
    const grip: Grip = {
      task: source.dataset.dragTask ?? "",
      x: event.clientX,
      y: event.clientY,
      touch: event.pointerType !== "mouse",
      moving: false,
      over: null,
    };
    const place = () => {
      if (ghost.current) ghost.current.style.transform = `translate(${grip.x + 8}px, ${grip.y + 8}px)`;
    };
    const press = event.nativeEvent;
    const start = () => {
      grip.moving = true;
      if (grip.touch) swallowMouse(press);
      setShown({ task: grip.task, over: null });
      requestAnimationFrame(place);
    };
    const timer = grip.touch ? setTimeout(start, HOLD_MS) : undefined;
    const move = (moved: globalThis.PointerEvent) => {
      const far = Math.hypot(moved.clientX - grip.x, moved.clientY - grip.y) > SLACK_PX;
      if (!grip.moving) {
        if (!far) return;
        // A finger that moves before it has rested scrolls.
        if (grip.touch) return finish();
        start();
      }
      grip.x = moved.clientX;
      grip.y = moved.clientY;
      place();
      const under = document.elementFromPoint(grip.x, grip.y)?.closest<HTMLElement>("[data-day]");
      const over = under?.dataset.day ?? null;
      if (over === grip.over) return;
      grip.over = over;
      setShown({ task: grip.task, over });
    };
    const up = () => {
      const { moving, over, task } = grip;
      finish();
      if (!moving) return;
      // The click that follows would open the task.
      const swallow = (click: Event) => {
        click.preventDefault();
        click.stopPropagation();
      };
      window.addEventListener("click", swallow, { capture: true, once: true });
      setTimeout(() => window.removeEventListener("click", swallow, { capture: true }));
      if (over !== null) drop.current(task, over);
    };
    const key = (pressed: KeyboardEvent) => {
      if (pressed.key !== "Escape" || !grip.moving) return;
      pressed.preventDefault();
      pressed.stopPropagation();
      finish();
    };
    const hold = (touch: TouchEvent) => grip.moving && touch.preventDefault();
    function finish() {
      clearTimeout(timer);
      window.removeEventListener("pointermove", move);
      window.removeEventListener("pointerup", up);
      window.removeEventListener("pointercancel", finish);
      window.removeEventListener("keydown", key, { capture: true });
      window.removeEventListener("touchmove", hold);
      setShown({ task: null, over: null });
    }
    end.current();
    end.current = finish;
    window.addEventListener("pointermove", move);
    window.addEventListener("pointerup", up);
    window.addEventListener("pointercancel", finish);
    window.addEventListener("keydown", key, { capture: true });
    window.addEventListener("touchmove", hold, { passive: false });
  }, []);
  return { ...shown, ghost, onPointerDown };
}
