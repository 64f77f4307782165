import { defaultRangeExtractor, type Range, useVirtualizer } from "@tanstack/react-virtual";
import { memo, useCallback, useLayoutEffect, useMemo, useRef } from "react";
import type { Id } from "../../../core/wire";
import { useBoards } from "../store";
import { estimateCard } from "./estimate";
import { cellKey } from "./model/grid";
import { staying } from "./model/moving";
import { GAP, useScene } from "./scene";
import { useBoardUi } from "./state";
import { TaskCard } from "./TaskCard";

const NONE: Id[] = [];
const ROW_GAP_PX = 8;
const OVERSCAN = 4;

interface Props {
  lane: string;
  list: Id;
  /** For screen readers: the list, and the lane if there are any. */
  label: string;
  tasks: Id[];
  /** Null until it is drawn. */
  scroller: HTMLElement | null;
  /** Where several cells share a scroller: how far below its top this one is, and whether it is near the view. */
  shared?: { margin: number; near: boolean };
}

/** The tasks of a list, or of one lane of it. Only those near the view are in the document. */
export const Cell = memo(function Cell({ lane, list, label, tasks, scroller, shared }: Props) {
  const scene = useScene();
  const box = useRef<HTMLDivElement>(null);
  const away = useBoardUi(({ carried }) => (carried?.kind === "tasks" ? carried.ids : NONE));
  const gap = useBoardUi(({ carried }) =>
    carried?.kind === "tasks" && carried.at.lane === lane && carried.at.list === list ? carried.at.index : -1,
  );
  const lifted = useBoardUi(({ carried }) =>
    carried?.kind === "tasks" && carried.by === "keys" ? carried.lead : null,
  );
  const height = useBoardUi(({ carried }) => (carried?.kind === "tasks" ? carried.height : 0));
  const cursor = useBoardUi((ui) => (ui.cursor?.lane === lane ? ui.cursor.task : null));
  const rows = useMemo(() => {
    const rest = staying(tasks, away);
    return gap < 0 ? rest : rest.toSpliced(gap, 0, lifted ?? GAP);
  }, [tasks, away, gap, lifted]);

  // What has the focus, or is lifted, stays in the document wherever one scrolls.
  const pinned = cursor === null ? -1 : rows.indexOf(cursor);
  const margin = shared?.margin ?? 0;
  const near = shared?.near ?? true;
  const rangeExtractor = useCallback(
    (range: Range) => {
      const indexes = near ? defaultRangeExtractor(range) : [];
      if (pinned < 0 || indexes.includes(pinned)) return indexes;
      return [...indexes, pinned].sort((a, b) => a - b);
    },
    [pinned, near],
  );
  // Asked of every row whenever one is measured: as little as can be. A key is the same before and after its task is
  // confirmed.
  const { keys } = useBoards.getState();
  const cards = scene.data?.tasks;
  const getItemKey = useCallback((index: number) => keys[rows[index] ?? ""] ?? rows[index] ?? "", [rows, keys]);
  const virtualizer = useVirtualizer<HTMLElement, Element>({
    count: rows.length,
    getScrollElement: () => scroller,
    getItemKey,
    estimateSize: (index) => {
      const row = rows[index];
      return row === GAP ? height : estimateCard(cards?.[row ?? ""]);
    },
    rangeExtractor,
    scrollMargin: margin,
    gap: ROW_GAP_PX,
    overscan: OVERSCAN,
    useScrollendEvent: true,
  });
  // Cells beside each other share a scroller: none may shift it for the sake of its own rows.
  if (shared) virtualizer.shouldAdjustScrollPositionOnItemSizeChange = () => false;

  useLayoutEffect(() => {
    if (!box.current) return;
    const key = cellKey(lane, list);
    const handle = { lane, list, box: box.current, rows, virtualizer };
    scene.cells.set(key, handle);
    return () => {
      if (scene.cells.get(key) === handle) scene.cells.delete(key);
    };
  }, [scene, lane, list, rows, virtualizer]);

  return (
    // biome-ignore lint/a11y/useSemanticElements: rows are placed by hand, so it is no list to the browser
    <div ref={box} role="list" aria-label={label} className="relative" style={{ height: virtualizer.getTotalSize() }}>
      {virtualizer.getVirtualItems().map((item) => {
        const task = rows[item.index] ?? "";
        const style = { transform: `translateY(${item.start - margin}px)` };
        return task === GAP ? (
          <div key={item.key} aria-hidden className="absolute inset-x-0 top-0" style={{ ...style, height }}>
            <div className="h-full rounded-lg bg-accent-soft" />
          </div>
        ) : (
          // biome-ignore lint/a11y/useSemanticElements: see above
          <div
            key={item.key}
            ref={virtualizer.measureElement}
            data-index={item.index}
            role="listitem"
            aria-posinset={item.index + 1}
            aria-setsize={rows.length}
            className="absolute inset-x-0 top-0 group-data-carrying/board:transition-transform group-data-carrying/board:duration-120"
            style={style}
          >
            <TaskCard task={task} lane={lane} lifted={task === lifted} />
          </div>
        );
      })}
    </div>
  );
});
