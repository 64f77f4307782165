import { type PointerEvent, useEffect, useRef, useState, useSyncExternalStore } from "react";
import { swallowMouse } from "./touch";

export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (changed) => {
      const list = window.matchMedia(query);
      list.addEventListener("change", changed);
      return () => list.removeEventListener("change", changed);
    },
    () => window.matchMedia(query).matches,
  );
}

/** One column. */
export const usePhone = () => useMedia("(max-width: 767px)");
export const useTouch = () => useMedia("(hover: none)");

/** The time, refreshed every `every` ms while `running`. */
export function useNow(every: number, running: boolean): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!running) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every, running]);
  return now;
}

/** `value`, once it has rested for `ms`. */
export function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}

const HOLD_MS = 450;
const SLACK_PX = 10;

/** Handlers for a finger that rests on an element; a mouse never triggers them. */
export function useLongPress(held: () => void) {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const from = useRef({ x: 0, y: 0 });
  const cancel = () => clearTimeout(timer.current);
  useEffect(() => () => clearTimeout(timer.current), []);
  return {
    onPointerDown(event: PointerEvent) {
      if (event.pointerType === "mouse") return;
      from.current = { x: event.clientX, y: event.clientY };
      const press = event.nativeEvent;
      timer.current = setTimeout(() => {
        swallowMouse(press);
        held();
      }, HOLD_MS);
    },
    onPointerMove(event: PointerEvent) {
      if (Math.hypot(event.clientX - from.current.x, event.clientY - from.current.y) > SLACK_PX) cancel();
    },
    onPointerUp: cancel,
    onPointerCancel: cancel,
  };
}
