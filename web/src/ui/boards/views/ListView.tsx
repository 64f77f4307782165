/* biome-ignore-all lint/a11y/useSemanticElements: only the rows in sight exist, each in its own place, so the table is one by its roles */
/* biome-ignore-all lint/a11y/useFocusableInteractive: what is in rows and cells can be focused */
import { defaultRangeExtractor, type Range, useVirtualizer } from "@tanstack/react-virtual";
import { ListFilter, SquareKanban } from "lucide-react";
import { type KeyboardEvent, useCallback, useMemo, useRef, useState } from "react";
import { useParams, useSearchParams } from "wouter";
import type { Id } from "../../../core/wire";
import { usePhone } from "../../lib/hooks";
import { Button } from "../../parts/Button";
import { Empty } from "../../parts/Empty";
import { NO_FILTERS } from "../filters/model";
import { useFilters, useMatch } from "../filters/use-filters";
import { useBoards } from "../store";
import { AddRow, ListHead, NoTasks } from "./GroupRows";
import { ListColumns } from "./ListColumns";
import { makeRows, nextSort, type Row, readSort, type SortKey, writeSort } from "./rows";
import { TaskRow } from "./TaskRow";

const NOTHING = new Set<Id>();

/** The board's tasks as a dense list, grouped by list; the columns sort, and most can be changed in place. */
export default function ListView({ board }: { board: Id }) {
  const data = useBoards((state) => state.boards[board]?.data);
  const fits = useMatch(board);
  const [, changeFilters] = useFilters();
  const [params, setParams] = useSearchParams();
  const wished = params.get("sort");
  const sort = useMemo(() => readSort(wished), [wished]);
  const [closed, setClosed] = useState<ReadonlySet<Id>>(NOTHING);
  const [adding, setAdding] = useState<Id | null>(null);
  const rows = useMemo(
    () => (data ? makeRows(data, { fits, sort, closed, adding }) : []),
    [data, fits, sort, closed, adding],
  );
  const toggle = useCallback(
    (list: Id) =>
      setClosed((all) => (all.has(list) ? new Set([...all].filter((one) => one !== list)) : new Set(all).add(list))),
    [],
  );
  const choose = (by: SortKey) => {
    const next = nextSort(sort, by);
    setParams(
      (old) => {
        if (next) old.set("sort", writeSort(next));
        else old.delete("sort");
        return old;
      },
      { replace: true },
    );
  };
  if (!data) return null;
  if (data.lists.length === 0) {
    return (
      <Empty icon={SquareKanban} title="No lists yet" text="Tasks stand in lists. Make the first one on the board." />
    );
  }
  if (rows.length === 0) {
    return (
      <Empty icon={ListFilter} title="No task fits" text="None of the tasks on this board fits these filters.">
        <Button onClick={() => changeFilters(NO_FILTERS)}>Clear the filters</Button>
      </Empty>
    );
  }
  const editable = data.right === "edit" || data.right === "manage";
  return (
    <Rows
      board={board}
      name={data.board.name}
      rows={rows}
      editable={editable && !data.board.archived}
      columns={<ListColumns sort={sort} onSort={choose} />}
      onToggle={toggle}
      onAdd={setAdding}
    />
  );
}

const HEIGHTS: Record<Row["kind"], number> = { list: 44, add: 48, none: 40, task: 40 };
const PHONE_HEIGHTS: Record<Row["kind"], number> = { list: 48, add: 56, none: 48, task: 64 };
const OVERSCAN = 12;

interface RowsProps {
  board: Id;
  name: string;
  rows: Row[];
  editable: boolean;
  columns: React.ReactNode;
  onToggle: (list: Id) => void;
  onAdd: (list: Id | null) => void;
}

function Rows({ board, name, rows, editable, columns, onToggle, onAdd }: RowsProps) {
  const phone = usePhone();
  const frame = useRef<HTMLDivElement>(null);
  const open = useParams<{ task?: string; "*"?: string }>()["*"]?.replace(/^t\//, "");
  const heads = useMemo(() => rows.flatMap((row, index) => (row.kind === "list" ? [index] : [])), [rows]);
  const stuck = useRef(0);
  const heights = phone ? PHONE_HEIGHTS : HEIGHTS;
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: (index) => heights[rows[index]?.kind ?? "task"],
    getItemKey: (index) => keyOf(rows[index]),
    overscan: OVERSCAN,
    // The head of the list one is in stays in sight.
    rangeExtractor: useCallback(
      (range: Range) => {
        stuck.current = heads.findLast((index) => index <= range.startIndex) ?? 0;
        return [...new Set([stuck.current, ...defaultRangeExtractor(range)])].sort((a, b) => a - b);
      },
      [heads],
    ),
  });

  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const link = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-row-link]") : null;
    if (!by || !link || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    let at = rows.findIndex((row) => row.kind === "task" && row.task === link.dataset.rowLink) + by;
    while (rows[at] && rows[at]?.kind !== "task") at += by;
    const next = rows[at];
    if (next?.kind !== "task") return;
    virtualizer.scrollToIndex(at, { align: "auto" });
    requestAnimationFrame(() =>
      frame.current?.querySelector<HTMLElement>(`[data-row-link="${next.task}"]`)?.focus({ preventScroll: true }),
    );
  };

  return (
    <div
      role="table"
      aria-label={`Tasks of ${name}`}
      aria-rowcount={rows.length + 1}
      className="@container flex min-h-0 min-w-0 grow flex-col"
      data-testid="list-view"
    >
      {columns}
      <div ref={frame} role="rowgroup" className="min-h-0 grow overflow-y-auto" onKeyDown={onKeyDown}>
        <div className="relative" style={{ height: virtualizer.getTotalSize() }}>
          {virtualizer.getVirtualItems().map(({ index, key, start, size }) => {
            const row = rows[index];
            if (!row) return null;
            const sticky = index === stuck.current;
            return (
              <div
                key={key}
                role="row"
                aria-rowindex={index + 2}
                className={`inset-x-0 top-0 ${sticky ? "sticky z-10" : "absolute"}`}
                style={{ height: size, transform: sticky ? undefined : `translateY(${start}px)` }}
              >
                {row.kind === "list" ? (
                  <ListHead
                    list={row.list}
                    count={row.count}
                    closed={row.closed}
                    onToggle={onToggle}
                    onAdd={editable ? onAdd : undefined}
                  />
                ) : row.kind === "add" ? (
                  <AddRow board={board} list={row.list.id} onDone={() => onAdd(null)} />
                ) : row.kind === "none" ? (
                  <NoTasks />
                ) : (
                  <TaskRow
                    board={board}
                    task={row.task}
                    editable={editable}
                    current={row.task === open}
                    phone={phone}
                  />
                )}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function keyOf(row: Row | undefined): string {
  if (!row) return "";
  return row.kind === "task" ? row.task : `${row.kind} ${row.list.id}`;
}
