import { type PointerEvent, useRef, useState } from "react";
import { dropIndex } from "./reorder";

interface Dragged {
  index: number;
  /** Where it would be dropped: its index afterwards. */
  to: number;
  /** How far the pointer has gone. */
  by: number;
  height: number;
}

/** Rows put in another order by dragging their handles. `moved` is told the index before and after. */
export function useReorder(moved: (from: number, to: number) => void) {
  const [dragged, setDragged] = useState<Dragged | null>(null);
  const start = useRef({ y: 0, middles: [] as number[], height: 0 });

  const end = (drop: boolean) => {
    if (dragged && drop && dragged.to !== dragged.index) moved(dragged.index, dragged.to);
    setDragged(null);
  };
  return {
    /** Where a row stands now: the dragged one follows the pointer, those in its way step aside. */
    shift(index: number): number {
      if (!dragged) return 0;
      if (index === dragged.index) return dragged.by;
      if (index > dragged.index && index <= dragged.to) return -dragged.height;
      return index < dragged.index && index >= dragged.to ? dragged.height : 0;
    },
    dragging: dragged?.index ?? null,
    handle: (index: number) => ({
      onPointerDown(event: PointerEvent<HTMLElement>) {
        if (event.button !== 0) return;
        const row = event.currentTarget.closest("li");
        const rows = [...(row?.parentElement?.querySelectorAll<HTMLElement>(":scope > li[data-item]") ?? [])];
        const boxes = rows.map((one) => one.getBoundingClientRect());
        const height = boxes[index]?.height ?? 0;
        start.current = { y: event.clientY, middles: boxes.map((box) => (box.top + box.bottom) / 2), height };
        event.currentTarget.setPointerCapture(event.pointerId);
        setDragged({ index, to: index, by: 0, height });
      },
      onPointerMove(event: PointerEvent) {
        if (dragged?.index !== index) return;
        const by = event.clientY - start.current.y;
        setDragged({ ...dragged, by, to: dropIndex(start.current.middles, index, by) });
      },
      onPointerUp: () => end(true),
      onPointerCancel: () => end(false),
    }),
  };
}
