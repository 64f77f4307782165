import { useVirtualizer } from "@tanstack/react-virtual";
import { CalendarSync, CircleCheckBig } from "lucide-react";
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import { useSearchParams } from "wouter";
import type { Due } from "../../../core/boards/wire";
import { useNow, usePhone } from "../../lib/hooks";
import { Button } from "../../parts/Button";
import { Empty } from "../../parts/Empty";
import { ICON } from "../../parts/icon";
import { byName } from "../index/use-index";
import { PageHeader } from "../PageHeader";
import { boardActions, useBoards } from "../store";
import { type Group, type MineRow, mineRows, withKept } from "./groups";
import { MineTask } from "./MineTask";
import { useFinishing } from "./use-finishing";

const CalendarLink = lazy(() => import("./CalendarLink"));

type Wanted = Due | "all";
const DUES: [due: Wanted, name: string][] = [
  ["all", "All"],
  ["overdue", "Overdue"],
  ["today", "Today"],
  ["week", "This week"],
  ["none", "No date"],
];
const MINUTE_MS = 60_000;

/** What one has to do on all boards, by when it is due. */
export default function MyTasks() {
  const [params, setParams] = useSearchParams();
  const due = DUES.find(([key]) => key === params.get("due"))?.[0] ?? "all";
  const board = params.get("board");
  const [linking, setLinking] = useState(false);
  useEffect(() => void boardActions.loadMine(due), [due]);
  const choose = (name: string, value: string | null) =>
    setParams(
      (old) => {
        if (value) old.set(name, value);
        else old.delete(name);
        return old;
      },
      { replace: true },
    );
  return (
    <main className="flex min-h-0 min-w-0 grow flex-col">
      <div className="mx-auto w-full max-w-4xl shrink-0 px-4 pt-4 md:px-8 md:pt-8">
        <PageHeader title="My tasks">
          <Button small look="quiet" onClick={() => setLinking(true)}>
            <CalendarSync {...ICON} size={16} />
            Calendar link
          </Button>
        </PageHeader>
        <div className="mt-3 flex flex-wrap items-center gap-x-4 gap-y-2 border-b border-line">
          <Tabs due={due} counted={!board} onChoose={(next) => choose("due", next === "all" ? null : next)} />
          <BoardChoice board={board} onChoose={(next) => choose("board", next)} />
        </div>
      </div>
      <Tasks key={due} due={due} board={board} />
      <Suspense>{linking && <CalendarLink onClose={() => setLinking(false)} />}</Suspense>
    </main>
  );
}

interface TabsProps {
  due: Wanted;
  /** The counts are those of all boards. */
  counted: boolean;
  onChoose: (due: Wanted) => void;
}

function Tabs({ due, counted, onChoose }: TabsProps) {
  const totals = useBoards((state) => state.mine?.page.totals);
  return (
    <fieldset
      aria-label="When they are due"
      className="-mx-4 flex min-w-0 grow gap-5 overflow-x-auto px-4 [scrollbar-width:none]"
    >
      {DUES.map(([key, name]) => (
        <button
          key={key}
          type="button"
          aria-pressed={key === due}
          onClick={() => onChoose(key)}
          className="-mb-px flex h-10 shrink-0 items-center gap-1.5 border-b-2 border-transparent text-sm font-medium text-ink-2 -outline-offset-2 hover:text-ink aria-pressed:border-accent aria-pressed:text-ink coarse:h-12"
        >
          {name}
          {counted && totals && totals[key] > 0 && (
            <span
              className={`text-xs tabular-nums ${key === "overdue" ? "font-semibold text-danger-ink" : "text-ink-3"}`}
            >
              {totals[key].toLocaleString()}
            </span>
          )}
        </button>
      ))}
    </fieldset>
  );
}

function BoardChoice({ board, onChoose }: { board: string | null; onChoose: (board: string | null) => void }) {
  const index = useBoards((state) => state.index);
  const boards = useMemo(() => Object.values(index ?? {}).sort(byName), [index]);
  return (
    <select
      value={board ?? ""}
      onChange={(event) => onChoose(event.target.value || null)}
      aria-label="Board"
      className="my-1 h-8 max-w-48 rounded-md bg-hover pr-7 pl-2.5 text-sm text-ink-2 coarse:h-10"
    >
      <option value="">All boards</option>
      {boards.map(({ id, name }) => (
        <option key={id} value={id}>
          {name}
        </option>
      ))}
    </select>
  );
}

const GROUP_NAMES: Record<Group, string> = {
  overdue: "Overdue",
  today: "Today",
  week: "This week",
  later: "Later",
  none: "No date",
};
const NOTHING: Record<Wanted, string> = {
  all: "Nothing is waiting for you. Tasks that are given to you on any board stand here.",
  overdue: "Nothing is overdue.",
  today: "Nothing is due today.",
  week: "Nothing is due this week.",
  none: "All your tasks have a date.",
};
const AHEAD = 8;

function Tasks({ due, board }: { due: Wanted; board: string | null }) {
  const mine = useBoards((state) => state.mine);
  const now = useNow(MINUTE_MS, true);
  const phone = usePhone();
  const frame = useRef<HTMLDivElement>(null);
  const { kept, toggle } = useFinishing();
  const { items, next } = mine?.page ?? { items: [], next: null };
  const rows = useMemo(() => {
    const all = withKept(items, kept).filter((card) => board === null || card.board === board);
    return mineRows(all, new Date(now), next !== null);
  }, [items, kept, board, now, next]);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: (index) => (rows[index]?.kind === "head" ? 44 : phone ? 68 : 48),
    getItemKey: (index) => keyOf(rows[index]),
    overscan: 10,
  });
  const shown = virtualizer.getVirtualItems();
  const last = shown.at(-1)?.index ?? -1;
  const ready = mine?.due === due && !mine.loading && !mine.error;
  useEffect(() => {
    if (ready && next !== null && last >= rows.length - AHEAD) void boardActions.loadMoreMine();
  }, [ready, next, last, rows.length]);

  if (mine?.error && rows.length === 0) {
    return (
      <div
        role="alert"
        className="mx-auto flex w-full max-w-4xl flex-col items-start gap-3 px-4 py-6 text-ink-2 md:px-8"
      >
        <p>{mine.error}</p>
        <Button onClick={() => void boardActions.loadMine(due)}>Try again</Button>
      </div>
    );
  }
  if (rows.length === 0 && (!ready || next !== null)) {
    return (
      <div aria-busy="true" className="mx-auto grid w-full max-w-4xl gap-4 px-4 py-6 md:px-8">
        {[1, 2, 3, 4].map((place) => (
          <div key={place} className="skeleton h-6" />
        ))}
      </div>
    );
  }
  if (rows.length === 0) {
    return <Empty icon={CircleCheckBig} title={due === "all" ? "All done" : "Nothing here"} text={NOTHING[due]} />;
  }
  return (
    <div ref={frame} className="min-h-0 grow overflow-y-auto" data-testid="my-tasks">
      <div className="mx-auto max-w-4xl px-4 pb-8 md:px-8">
        <div className="relative" style={{ height: virtualizer.getTotalSize() }}>
          {shown.map(({ index, key, start, size }) => {
            const row = rows[index];
            return (
              <div
                key={key}
                className="absolute inset-x-0 top-0"
                style={{ height: size, transform: `translateY(${start}px)` }}
              >
                {row?.kind === "head" && <Head row={row} />}
                {row?.kind === "task" && (
                  <MineTask card={row.card} finished={kept[row.card.id]?.done ?? false} onToggle={toggle} />
                )}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function keyOf(row: MineRow | undefined): string {
  if (!row) return "";
  return row.kind === "task" ? row.card.id : row.group;
}

function Head({ row: { group, count, more } }: { row: Extract<MineRow, { kind: "head" }> }) {
  return (
    <h2 className="flex h-full items-end gap-2 border-b border-line pb-2 text-sm">
      <span className={group === "overdue" ? "text-danger-ink" : undefined}>{GROUP_NAMES[group]}</span>
      <span className="text-xs font-normal text-ink-3 tabular-nums">
        {count.toLocaleString()}
        {more && "+"}
      </span>
    </h2>
  );
}
