/* biome-ignore-all lint/a11y/useSemanticElements: only the rows in sight exist, each in its own place, so the table is one by its roles */
/* biome-ignore-all lint/a11y/useFocusableInteractive: what is in rows and cells can be focused */
import { ArrowDown, ArrowUp } from "lucide-react";
import type { Sort, SortKey } from "./rows";

/**
 * Where the cells of a row stand, by how wide the list is: beside an open task there is no room for all.
 * On a phone a row has two lines instead.
 */
export const COLUMNS =
  "md:grid md:grid-cols-[minmax(0,1fr)_2rem_7.5rem_4.5rem] md:items-center md:gap-x-2 md:px-6 @4xl:grid-cols-[minmax(0,1fr)_7rem_9rem_6.5rem_7rem]";

/** Only in a wide list. */
export const WIDE_ONLY = "max-md:hidden @max-4xl:hidden";

const HEADS: { name: string; by?: SortKey; look?: string }[] = [
  { name: "Task", by: "title" },
  { name: "Priority", by: "priority", look: "md:@max-4xl:invisible" },
  { name: "Due", by: "due" },
  { name: "People", look: "max-md:hidden" },
  { name: "Changed", by: "changed", look: "md:@max-4xl:hidden" },
];

/** The names of the columns; most sort. On a phone one chooses from a list. */
export function ListColumns({ sort, onSort }: { sort: Sort | null; onSort: (by: SortKey) => void }) {
  return (
    <div role="rowgroup" className="shrink-0 border-b border-line">
      <div role="row" aria-rowindex={1} className={`h-9 max-md:flex max-md:overflow-x-auto max-md:px-2 ${COLUMNS}`}>
        {HEADS.map(({ name, by, look = "" }) => {
          const mine = by !== undefined && sort?.by === by;
          const Arrow = sort?.falling ? ArrowDown : ArrowUp;
          return (
            <div
              key={name}
              role="columnheader"
              aria-sort={mine ? (sort?.falling ? "descending" : "ascending") : undefined}
              className={`flex min-w-0 items-center text-xs text-ink-3 ${look}`}
            >
              {by ? (
                <button
                  type="button"
                  onClick={() => onSort(by)}
                  className={`-ml-2 inline-flex h-7 items-center gap-1 rounded-md px-2 transition-colors hover:bg-hover hover:text-ink max-md:ml-0 coarse:h-10 ${
                    mine ? "font-medium text-ink" : ""
                  }`}
                >
                  {name}
                  {mine && <Arrow size={14} aria-hidden="true" />}
                </button>
              ) : (
                name
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}
