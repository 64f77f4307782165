import { useMemo } from "react";
import type { Board, Card, Right } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { useBoards } from "../store";

export interface May {
  /** Change the task. */
  edit: boolean;
  /** Say something about it, also when it is archived. */
  comment: boolean;
  /** Archive and restore it. */
  keep: boolean;
}

const NOTHING: May = { edit: false, comment: false, keep: false };

export function mayOf(right: Right | undefined, board: Pick<Board, "archived"> | undefined, card: Card | null): May {
  if (right === undefined || right === "view" || !board || board.archived || !card) return NOTHING;
  if (right === "comment") return { ...NOTHING, comment: true };
  return { edit: !card.archived, comment: true, keep: true };
}

export function useMay(board: Id, card: Card | null): May {
  const right = useBoards((state) => state.boards[board]?.data?.right);
  const about = useBoards((state) => state.boards[board]?.data?.board);
  return useMemo(() => mayOf(right, about, card), [right, about, card]);
}
