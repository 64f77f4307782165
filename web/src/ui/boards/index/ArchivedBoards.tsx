import { useCallback, useEffect, useState } from "react";
import { Link } from "wouter";
import type { BoardView } from "../../../core/boards/wire";
import { Button } from "../../parts/Button";
import { attempt, messageOf } from "../../state";
import { PageHeader } from "../PageHeader";
import { boardPath } from "../paths";
import { boardActions } from "../store";
import { BoardMark } from "./BoardMark";
import { byName } from "./use-index";

/** Boards that were put away: to look at, and to restore by who manages them. */
export default function ArchivedBoards() {
  const [boards, setBoards] = useState<BoardView[] | null>(null);
  const [error, setError] = useState<string | null>(null);
  const load = useCallback(() => {
    setError(null);
    boardActions.archivedBoards().then(
      (found) => setBoards(found.sort(byName)),
      (failure) => setError(messageOf(failure)),
    );
  }, []);
  useEffect(load, [load]);
  const restore = async (board: BoardView) => {
    const done = await attempt(
      () => boardActions.changeBoard(board.id, { archived: false }),
      `${board.name} is back among the boards.`,
    );
    if (!done) return;
    setBoards((all) => all?.filter((one) => one.id !== board.id) ?? null);
    void boardActions.loadIndex();
  };
  return (
    <main className="min-h-0 min-w-0 grow overflow-y-auto">
      <div className="mx-auto max-w-3xl px-4 py-4 md:px-8 md:py-8">
        <PageHeader title="Archived boards" />
        {error && (
          <div role="alert" className="flex flex-col items-start gap-3 py-6 text-ink-2">
            <p>{error}</p>
            <Button onClick={load}>Try again</Button>
          </div>
        )}
        {!boards && !error && (
          <div aria-busy="true" className="mt-6 grid gap-3">
            <div className="skeleton h-10" />
            <div className="skeleton h-10" />
          </div>
        )}
        {boards?.length === 0 && (
          <p className="mt-6 border-y border-line py-4 text-ink-3">
            Nothing here. An archived board keeps its tasks and can be restored.
          </p>
        )}
        {boards && boards.length > 0 && (
          <ul className="mt-6 divide-y divide-line border-y border-line">
            {boards.map((board) => (
              <li key={board.id} className="flex min-h-14 items-center gap-3 py-2">
                <BoardMark board={board.id} className="size-7" />
                <Link href={boardPath(board.id)} className="min-w-0 grow truncate rounded font-medium hover:underline">
                  {board.name}
                </Link>
                {board.right === "manage" && (
                  <Button small onClick={() => restore(board)} aria-label={`Restore ${board.name}`}>
                    Restore
                  </Button>
                )}
              </li>
            ))}
          </ul>
        )}
      </div>
    </main>
  );
}
