import { ChevronDown } from "lucide-react";
import { memo, type RefObject, useLayoutEffect, useRef, useState } from "react";
import type { BoardList, Priority } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { plural } from "../../lib/names";
import { Avatar } from "../../parts/Avatar";
import { PriorityMark } from "../parts/PriorityMark";
import { useBoardPeople } from "../parts/people";
import { AddList } from "./AddList";
import { Cell } from "./Cell";
import { ColumnHeader } from "./ColumnHeader";
import { cellKey, type Grid, type Lane, tasksAt } from "./model/grid";
import { AddTask, QuickAdd } from "./QuickAdd";
import { laneName, useScene } from "./scene";
import { useBoardUi } from "./state";

/** Above the cells of a lane. */
const PADDING_PX = 4;

interface Props {
  grid: Grid;
  lists: BoardList[];
  order: Record<Id, Id[]>;
  editable: boolean;
}

/** Rows across the lists, one for each person or priority. Everything scrolls together below the lists' names. */
export function Lanes({ grid, lists, order, editable }: Props) {
  const [scroller, setScroller] = useState<HTMLElement | null>(null);
  const carried = useBoardUi(({ carried }) => (carried?.kind === "list" ? carried.list : null));
  const first = grid.lanes[0]?.key ?? "";
  return (
    <div
      ref={setScroller}
      className="relative min-h-0 grow overflow-auto overscroll-contain scroll-px-6 scroll-pt-24 [overflow-anchor:none]"
    >
      <div className="w-max min-w-full px-4 pb-6 md:px-6">
        <div className="sticky top-0 z-20 -mx-6 flex gap-4 border-b border-line bg-sunken px-6">
          {lists.map((list) => (
            <div
              key={list.id}
              data-column={list.id}
              className={`w-72 shrink-0 ${carried === list.id ? "opacity-40" : ""}`}
            >
              <ColumnHeader
                list={list}
                shown={new Set(grid.lanes.flatMap((lane) => tasksAt(grid, lane.key, list.id))).size}
                total={order[list.id]?.length ?? 0}
                editable={editable}
                lane={first}
              />
            </div>
          ))}
          {editable && <AddList />}
        </div>
        {grid.lanes.map((lane) => (
          <LaneRow key={lane.key} grid={grid} lane={lane} lists={lists} editable={editable} scroller={scroller} />
        ))}
      </div>
    </div>
  );
}

interface RowProps {
  grid: Grid;
  lane: Lane;
  lists: BoardList[];
  editable: boolean;
  scroller: HTMLElement | null;
}

function LaneRow({ grid, lane, lists, editable, scroller }: RowProps) {
  const [open, setOpen] = useState(true);
  const cells = useRef<HTMLDivElement>(null);
  const shared = usePlace(cells, scroller, open);
  const count = new Set(lists.flatMap((list) => tasksAt(grid, lane.key, list.id))).size;
  const name = laneName(grid.by, lane.value);
  return (
    <section aria-label={name} className="[&+section]:border-t [&+section]:border-line">
      <h3 className="sticky top-[41px] z-10 -mx-6 bg-sunken px-6 text-sm select-none">
        <button
          type="button"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
          className="sticky left-6 flex h-10 items-center gap-2 rounded-md pr-2 text-left font-medium coarse:h-11"
        >
          <ChevronDown
            size={16}
            strokeWidth={1.75}
            aria-hidden="true"
            className={`text-ink-3 transition-transform ${open ? "" : "-rotate-90"}`}
          />
          <LaneSign grid={grid} lane={lane} />
          {name}
          <span className="text-xs font-normal text-ink-3 tabular-nums">
            {count.toLocaleString()}
            <span className="sr-only"> {plural(count, "task").replace(/^\S+ /, "")}</span>
          </span>
        </button>
      </h3>
      {open && (
        <div ref={cells} className="flex gap-4 pt-1 pb-2">
          {lists.map((list) => (
            <LaneCell
              key={list.id}
              lane={lane.key}
              list={list}
              label={`${list.name}, ${name}`}
              tasks={grid.cells[cellKey(lane.key, list.id)] ?? []}
              editable={editable}
              scroller={scroller}
              shared={shared}
            />
          ))}
        </div>
      )}
    </section>
  );
}

function LaneSign({ grid, lane }: { grid: Grid; lane: Lane }) {
  const { board } = useScene();
  const [person] = useBoardPeople(board, [lane.key]);
  if (grid.by === "priority") return <PriorityMark priority={lane.value as Priority | null} named />;
  if (lane.value === null) return <span className="size-5 rounded-[5px] border border-dashed border-line-strong" />;
  return <Avatar user={person} size="xs" />;
}

interface CellProps {
  lane: string;
  list: BoardList;
  label: string;
  tasks: Id[];
  editable: boolean;
  scroller: HTMLElement | null;
  shared: Shared;
}

const LaneCell = memo(function LaneCell({ lane, list, label, tasks, editable, scroller, shared }: CellProps) {
  return (
    <div data-cell-area data-lane={lane} data-list={list.id} className="group/cell flex w-72 shrink-0 flex-col">
      <Cell lane={lane} list={list.id} label={label} tasks={tasks} scroller={scroller} shared={shared} />
      {editable && (
        <div className={tasks.length > 0 ? "pt-1" : ""}>
          <QuickAdd lane={lane} list={list.id} end="top" />
          <QuickAdd lane={lane} list={list.id} end="bottom" />
          <AddTask lane={lane} list={list.id} quiet />
        </div>
      )}
    </div>
  );
});

interface Shared {
  margin: number;
  near: boolean;
}

/** Where the cells of a lane lie: below the top of what is scrolled, which grows with the lanes above, and near the view. */
function usePlace(cells: RefObject<HTMLElement | null>, view: HTMLElement | null, open: boolean): Shared {
  const [place, setPlace] = useState<Shared>({ margin: 0, near: false });
  useLayoutEffect(() => {
    const box = cells.current;
    if (!open || !box || !view) return;
    const measure = () => {
      const { top, bottom } = box.getBoundingClientRect();
      const seen = view.getBoundingClientRect();
      const margin = Math.round(top - seen.top + view.scrollTop) + PADDING_PX;
      const near = top < seen.bottom + seen.height / 2 && bottom > seen.top - seen.height / 2;
      setPlace((before) => (before.margin === margin && before.near === near ? before : { margin, near }));
    };
    measure();
    const observer = new ResizeObserver(measure);
    const content = view.firstElementChild;
    if (content) observer.observe(content);
    view.addEventListener("scroll", measure, { passive: true });
    return () => {
      observer.disconnect();
      view.removeEventListener("scroll", measure);
    };
  }, [cells, view, open]);
  return place;
}
