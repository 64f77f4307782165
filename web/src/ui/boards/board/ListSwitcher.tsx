import { type RefObject, useEffect, useRef, useState } from "react";
import type { BoardList } from "../../../core/boards/wire";
import { plural } from "../../lib/names";
import { type Grid, tasksAt, WHOLE } from "./model/grid";
import { columnAt } from "./paging";

interface Props {
  lists: BoardList[];
  grid: Grid;
  columns: RefObject<HTMLDivElement | null>;
}

/** On a phone one list fills the screen; these lead to the others. */
export function ListSwitcher({ lists, grid, columns }: Props) {
  const [at, setAt] = useState(0);
  const bar = useRef<HTMLElement>(null);
  useEffect(() => {
    const scroller = columns.current;
    if (!scroller) return;
    const onScroll = () => setAt(columnAt(scroller, [...scroller.querySelectorAll<HTMLElement>("[data-column]")]));
    scroller.addEventListener("scroll", onScroll, { passive: true });
    return () => scroller.removeEventListener("scroll", onScroll);
  }, [columns]);
  useEffect(() => {
    bar.current?.children[at]?.scrollIntoView({ block: "nearest", inline: "center", behavior: "smooth" });
  }, [at]);
  return (
    <nav
      ref={bar}
      aria-label="Lists"
      className="flex shrink-0 gap-1 overflow-x-auto border-b border-line bg-canvas px-3 [scrollbar-width:none]"
    >
      {lists.map((list, index) => (
        <button
          key={list.id}
          type="button"
          aria-current={index === at ? "true" : undefined}
          onClick={() =>
            columns.current
              ?.querySelector(`[data-column="${CSS.escape(list.id)}"]`)
              ?.scrollIntoView({ behavior: "smooth", inline: "center", block: "nearest" })
          }
          className={`flex h-11 shrink-0 items-center gap-1.5 border-b-2 px-2.5 text-sm whitespace-nowrap ${
            index === at ? "border-accent font-medium text-ink" : "border-transparent text-ink-2"
          }`}
        >
          <span className="max-w-40 truncate">{list.name}</span>
          <span className="text-xs text-ink-3 tabular-nums">
            {tasksAt(grid, WHOLE.key, list.id).length}
            <span className="sr-only">
              {" "}
              {plural(tasksAt(grid, WHOLE.key, list.id).length, "task").replace(/^\S+ /, "")}
            </span>
          </span>
        </button>
      ))}
    </nav>
  );
}
