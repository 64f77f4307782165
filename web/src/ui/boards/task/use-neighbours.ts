import { useMemo } from "react";
import type { Id } from "../../../core/wire";
import { useMatch } from "../filters/use-filters";
import { useBoards } from "../store";

/** The tasks before and after this one on the board as it is filtered, list after list. */
export function useNeighbours(board: Id, task: Id): { previous: Id | undefined; next: Id | undefined } {
  const data = useBoards((state) => state.boards[board]?.data);
  const match = useMatch(board);
  return useMemo(() => {
    const all = (data?.lists ?? []).flatMap((list) => data?.order[list.id] ?? []);
    const shown = match
      ? all.filter((id) => {
          const card = data?.tasks[id];
          return id === task || (card !== undefined && match(card));
        })
      : all;
    const at = shown.indexOf(task);
    return at < 0 ? { previous: undefined, next: undefined } : { previous: shown[at - 1], next: shown[at + 1] };
  }, [data, match, task]);
}
