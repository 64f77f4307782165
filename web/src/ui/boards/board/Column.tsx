import { memo, useLayoutEffect, useRef, useState } from "react";
import type { BoardList } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { Cell } from "./Cell";
import { ColumnHeader } from "./ColumnHeader";
import { WHOLE } from "./model/grid";
import { AddTask, QuickAdd } from "./QuickAdd";
import { useBoardUi } from "./state";

interface Props {
  list: BoardList;
  tasks: Id[];
  total: number;
  editable: boolean;
  /** Its place among the lists. */
  place: number;
}

/** A list with its tasks, which scroll by themselves. */
export const Column = memo(function Column({ list, tasks, total, editable, place }: Props) {
  const [scroller, setScroller] = useState<HTMLElement | null>(null);
  const offset = useRef(0);
  const carried = useBoardUi(({ carried }) => carried?.kind === "list" && carried.list === list.id);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a list that is put elsewhere in the document loses its scroll
  useLayoutEffect(() => {
    if (scroller && scroller.scrollTop !== offset.current) scroller.scrollTop = offset.current;
  }, [place]);
  return (
    <section
      data-column={list.id}
      data-cell-area
      data-lane={WHOLE.key}
      data-list={list.id}
      aria-label={list.name}
      className={`flex min-h-0 w-72 shrink-0 flex-col max-md:w-[calc(100vw-32px)] max-md:snap-center ${
        carried ? "opacity-40" : ""
      }`}
    >
      <ColumnHeader list={list} shown={tasks.length} total={total} editable={editable} lane={WHOLE.key} />
      {editable && <QuickAdd lane={WHOLE.key} list={list.id} end="top" />}
      <div
        ref={setScroller}
        onScroll={(event) => {
          offset.current = event.currentTarget.scrollTop;
        }}
        className="-mx-2 -mt-2 min-h-0 overflow-x-hidden overflow-y-auto overscroll-y-contain px-2 pt-2 pb-1 [overflow-anchor:none]"
      >
        <Cell lane={WHOLE.key} list={list.id} label={list.name} tasks={tasks} scroller={scroller} />
      </div>
      {editable && (
        <div className="shrink-0 pb-3">
          <QuickAdd lane={WHOLE.key} list={list.id} end="bottom" />
          <AddTask lane={WHOLE.key} list={list.id} />
        </div>
      )}
    </section>
  );
});
