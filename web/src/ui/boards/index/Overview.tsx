import { Archive, ChevronRight, CircleCheckBig, Hash, LayoutGrid, Lock, Plus, Users } from "lucide-react";
import { Link } from "wouter";
import type { BoardView, Right } from "../../../core/boards/wire";
import { isInside } from "../../lib/rooms";
import { Button } from "../../parts/Button";
import { Empty } from "../../parts/Empty";
import { ICON } from "../../parts/icon";
import { useStore } from "../../store";
import { ARCHIVED, boardPath, MINE } from "../paths";
import { useBoards } from "../store";
import { BoardMark } from "./BoardMark";
import type { Index } from "./use-index";

/** The boards one sees, and what waits on them. */
export function Overview({ index, onNew }: { index: Index; onNew: () => void }) {
  const inside = useStore(isInside);
  const { boards, error, load } = index;
  return (
    <main className="min-h-0 min-w-0 grow overflow-y-auto">
      <div className="mx-auto max-w-5xl px-4 py-4 md:px-8 md:py-8">
        <header className="flex min-h-10 items-center gap-3">
          <h1 className="grow text-2xl tracking-tight">Boards</h1>
          {inside && boards && boards.length > 0 && (
            <Button look="primary" onClick={onNew}>
              <Plus {...ICON} />
              New board
            </Button>
          )}
        </header>
        <Mine />
        {error ? (
          <div role="alert" className="flex flex-col items-start gap-3 py-6 text-ink-2">
            <p>{error}</p>
            <Button onClick={load}>Try again</Button>
          </div>
        ) : !boards ? (
          <div aria-busy="true" className="mt-6 grid gap-4 md:grid-cols-2 xl:grid-cols-3">
            {[1, 2, 3].map((place) => (
              <div key={place} className="skeleton h-16 md:h-28" />
            ))}
          </div>
        ) : boards.length === 0 ? (
          <Empty
            icon={LayoutGrid}
            title="No boards yet"
            text={
              inside
                ? "A board shows what is to be done, who does it and how far it is."
                : "You will see a board here once somebody shows you one."
            }
          >
            {inside && (
              <Button look="primary" onClick={onNew}>
                Make a board
              </Button>
            )}
          </Empty>
        ) : (
          <ul className="mt-4 max-md:divide-y max-md:divide-line max-md:border-y max-md:border-line md:mt-6 md:grid md:grid-cols-2 md:gap-4 xl:grid-cols-3">
            {boards.map((board) => (
              <BoardCard key={board.id} board={board} />
            ))}
          </ul>
        )}
        <Link
          href={ARCHIVED}
          className="mt-4 inline-flex h-9 items-center gap-2 rounded-md text-sm text-ink-3 hover:text-ink md:hidden coarse:h-11"
        >
          <Archive {...ICON} />
          Archived boards
        </Link>
      </div>
    </main>
  );
}

const RIGHTS: Record<Right, string | null> = {
  manage: null,
  edit: null,
  comment: "You may comment",
  view: "To look at",
};

function BoardCard({ board }: { board: BoardView }) {
  const room = useStore((state) => (board.room ? state.rooms[board.room]?.name : undefined));
  const Audience = board.shown_to === "members" ? Lock : Users;
  return (
    <li>
      <Link
        href={boardPath(board.id)}
        className="flex h-full items-center gap-3 py-3 transition-colors md:min-h-28 md:flex-col md:items-start md:justify-between md:gap-4 md:rounded-lg md:p-4 md:shadow-[inset_0_0_0_1px_var(--line)] md:hover:bg-hover"
      >
        <span className="contents md:flex md:w-full md:items-center md:gap-3">
          <BoardMark board={board.id} className="size-9 md:size-7" />
          <span className="min-w-0 grow truncate font-medium max-md:hidden">{board.name}</span>
        </span>
        <span className="min-w-0 grow md:w-full md:grow-0">
          <span className="block truncate font-medium md:hidden">{board.name}</span>
          <span className="flex min-w-0 flex-wrap items-center gap-x-4 gap-y-1 text-sm text-ink-3">
            <span className="inline-flex items-center gap-1.5">
              <Audience size={14} strokeWidth={1.75} aria-hidden="true" />
              {board.shown_to === "members" ? "Only members" : "Colleagues"}
            </span>
            {room && (
              <span className="inline-flex min-w-0 items-center gap-1">
                <Hash size={14} strokeWidth={1.75} className="shrink-0" aria-hidden="true" />
                <span className="truncate">{room}</span>
              </span>
            )}
            {RIGHTS[board.right] && <span>{RIGHTS[board.right]}</span>}
          </span>
        </span>
        <ChevronRight {...ICON} className="shrink-0 text-ink-3 md:hidden" />
      </Link>
    </li>
  );
}

/** The way to one's own tasks, with what is urgent among them. */
function Mine() {
  const totals = useBoards((state) => state.mine?.page.totals);
  const figures: [due: string, name: string, count: number, tone: string][] = [
    ["overdue", "overdue", totals?.overdue ?? 0, "text-danger-ink"],
    ["today", "due today", totals?.today ?? 0, "text-caution-ink"],
    ["week", "this week", totals?.week ?? 0, "text-ink-2"],
  ];
  const said = figures.filter(([, , count]) => count > 0);
  return (
    <Link
      href={MINE}
      className="mt-4 flex min-h-14 items-center gap-3 rounded-lg px-3 py-2 shadow-[inset_0_0_0_1px_var(--line)] transition-colors hover:bg-hover md:mt-6 md:px-4"
    >
      <CircleCheckBig {...ICON} className="shrink-0 text-accent-ink" />
      <span className="min-w-0 grow">
        <span className="mr-4 font-medium">My tasks</span>
        <span className="inline-flex flex-wrap gap-x-3 text-sm tabular-nums">
          {said.map(([key, name, count, tone]) => (
            <span key={key} className={tone}>
              {count.toLocaleString()} {name}
            </span>
          ))}
          {totals && said.length === 0 && (
            <span className="text-ink-3">{totals.all > 0 ? "Nothing is due this week." : "You have no tasks."}</span>
          )}
        </span>
      </span>
      <ChevronRight {...ICON} className="shrink-0 text-ink-3" />
    </Link>
  );
}
