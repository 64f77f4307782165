import { useCallback, useEffect, useMemo, useState } from "react";
import { useRoute } from "wouter";
import type { BoardView } from "../../../core/boards/wire";
import { fold } from "../../lib/names";
import { messageOf } from "../../state";
import { OVERVIEW } from "../paths";
import { boardActions, useBoards } from "../store";

export interface Index {
  /** By name; null until loaded. */
  boards: BoardView[] | null;
  error: string | null;
  load: () => void;
}

export const byName = (a: { name: string }, b: { name: string }) => fold(a.name).localeCompare(fold(b.name));

/** The boards one sees; asked for anew with the overview, as nobody is told of a board that colleagues may see. */
export function useIndex(): Index {
  const index = useBoards((state) => state.index);
  const [error, setError] = useState<string | null>(null);
  const load = useCallback(() => {
    setError(null);
    boardActions.loadIndex().catch((failure) => setError(messageOf(failure)));
  }, []);
  const [atOverview] = useRoute(OVERVIEW);
  // biome-ignore lint/correctness/useExhaustiveDependencies: coming to the overview asks again
  useEffect(load, [load, atOverview]);
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
