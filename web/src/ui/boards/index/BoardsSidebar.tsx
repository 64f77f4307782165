import { Archive, CircleCheckBig, Plus } from "lucide-react";
import { memo, useState } from "react";
import { Link, useLocation } from "wouter";
import type { BoardView } from "../../../core/boards/wire";
import { matches } from "../../lib/names";
import { isInside } from "../../lib/rooms";
import { Button } from "../../parts/Button";
import { FilterField } from "../../parts/FilterField";
import { IconButton } from "../../parts/IconButton";
import { ICON } from "../../parts/icon";
import { useStore } from "../../store";
import { ARCHIVED, boardPath, MINE, OVERVIEW } from "../paths";
import { useBoards } from "../store";
import { BoardMark } from "./BoardMark";
import type { Index } from "./use-index";

const LINK = "flex h-8 items-center gap-2 rounded-md px-2 transition-colors coarse:h-11";
const look = (current: boolean) => (current ? "bg-pressed text-ink" : "text-ink-2 hover:bg-hover hover:text-ink");

/** One's tasks and the boards one sees, beside them. */
export function BoardsSidebar({ index, onNew }: { index: Index; onNew: () => void }) {
  const inside = useStore(isInside);
  const [path] = useLocation();
  const [filter, setFilter] = useState("");
  const { boards, error, load } = index;
  const asked = filter.trim() !== "";
  const shown = boards?.filter((board) => !asked || matches(board.name, filter));
  return (
    <aside aria-label="Boards" className="flex min-h-0 w-66 shrink-0 flex-col border-r border-line bg-sunken">
      <header className="flex h-14 shrink-0 items-center gap-1 pr-3 pl-4">
        <h2 className="min-w-0 grow truncate text-base font-semibold">
          <Link
            href={OVERVIEW}
            aria-current={path === OVERVIEW ? "page" : undefined}
            className="rounded hover:underline"
          >
            Boards
          </Link>
        </h2>
        {inside && <IconButton icon={Plus} label="New board" side="bottom" onClick={onNew} />}
      </header>
      <FilterField label="Filter boards" value={filter} onChange={setFilter} />
      <nav aria-label="Boards" className="flex min-h-0 grow flex-col overflow-y-auto px-2 pb-4">
        <MineLink current={path === MINE} />
        <h3 className="mt-2 flex h-8 shrink-0 items-center pl-2 text-xs font-medium tracking-normal text-ink-3">
          Boards
        </h3>
        {shown?.map((board) => (
          <BoardLink key={board.id} board={board} current={path.startsWith(boardPath(board.id))} />
        ))}
        {shown?.length === 0 && (
          <p className="px-2 py-1 text-sm text-ink-3">
            {asked
              ? "No board has this name."
              : inside
                ? "Boards are where the work stands."
                : "Nobody shows you a board yet."}
          </p>
        )}
        {error && (
          <div role="alert" className="px-2 py-1 text-sm text-ink-2">
            <p className="mb-2">{error}</p>
            <Button small onClick={load}>
              Try again
            </Button>
          </div>
        )}
        {!boards && !error && <Waiting />}
        <span className="grow" />
        <Link
          href={ARCHIVED}
          aria-current={path === ARCHIVED ? "page" : undefined}
          className={`mt-4 shrink-0 text-sm ${LINK} ${look(path === ARCHIVED)}`}
        >
          <Archive {...ICON} className="shrink-0 text-ink-3" />
          Archived boards
        </Link>
      </nav>
    </aside>
  );
}

const BoardLink = memo(function BoardLink({ board, current }: { board: BoardView; current: boolean }) {
  return (
    <Link
      href={boardPath(board.id)}
      data-board={board.id}
      aria-current={current ? "page" : undefined}
      className={`shrink-0 ${LINK} ${look(current)}`}
    >
      <BoardMark board={board.id} />
      <span className="min-w-0 grow truncate">{board.name}</span>
    </Link>
  );
});

function MineLink({ current }: { current: boolean }) {
  const { overdue, today } = useBoards((state) => state.mine?.page.totals) ?? { overdue: 0, today: 0 };
  const count = overdue || today;
  return (
    <Link href={MINE} aria-current={current ? "page" : undefined} className={`shrink-0 ${LINK} ${look(current)}`}>
      <CircleCheckBig {...ICON} className="shrink-0 text-ink-3" />
      <span className="min-w-0 grow truncate">My tasks</span>
      {count > 0 && (
        <span
          className={`inline-flex h-5 min-w-5 shrink-0 items-center justify-center rounded-full px-1.5 text-2xs font-semibold tabular-nums ${
            overdue > 0 ? "bg-danger-soft text-danger-ink" : "bg-pressed text-ink"
          }`}
        >
          {count > 99 ? "99+" : count}
          <span className="sr-only">{overdue > 0 ? " overdue" : " due today"}</span>
        </span>
      )}
    </Link>
  );
}

function Waiting() {
  return (
    <div aria-busy="true" className="grid gap-2 px-2 py-1">
      {[1, 2, 3].map((place) => (
        <div key={place} className="skeleton h-5" />
      ))}
    </div>
  );
}
