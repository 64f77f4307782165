import { useCallback, useEffect, useMemo, useState } from "react";
import type { BoardView } from "../../../core/boards/wire";
import { fold } from "../../lib/names";
import { messageOf } from "../../state";
import { boardActions, useBoards } from "../store";

export interface Index {
  /** By name; null until loaded. */
  boards: BoardView[] | null;
  error: string | null;
  load: () => void;
}

export const byName = (a: { name: string }, b: { name: string }) => fold(a.name).localeCompare(fold(b.name));

/** The boards one sees, asked for anew when this is shown first. */
export function useIndex(): Index {
  const index = useBoards((state) => state.index);
  const [error, setError] = useState<string | null>(null);
  const load = useCallback(() => {
    setError(null);
    boardActions.loadIndex().catch((failure) => setError(messageOf(failure)));
  }, []);
  useEffect(load, [load]);
  const boards = useMemo(
    () =>
      index &&
      Object.values(index)
        .filter((board) => !board.archived)
        .sort(byName),
    [index],
  );
  return { boards, error: boards ? null : error, load };
}
