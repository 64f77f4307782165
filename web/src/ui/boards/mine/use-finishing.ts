import { useCallback, useState } from "react";
import type { Card } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { announce, attempt } from "../../state";
import { boardActions, useBoards } from "../store";

/** Tasks that were checked off here, or were and are to do again: they stay where they are until one leaves. */
export type Kept = Readonly<Record<Id, { card: Card; done: boolean }>>;

/** Checks tasks off: into their board's first list whose status is done, and back to where they were. */
export function useFinishing() {
  const [kept, setKept] = useState<Kept>({});
  const toggle = useCallback(async (card: Card, done: boolean) => {
    const put = (is: boolean) => setKept((all) => ({ ...all, [card.id]: { card, done: is } }));
    put(done);
    const move = done ? () => finish(card) : () => boardActions.moveTasks(card.board, [card.id], card.list);
    if (await attempt(move)) announce(`${done ? "Done" : "To do again"}: ${card.title}`);
    else put(!done);
  }, []);
  return { kept, toggle };
}

async function finish(card: Card): Promise<void> {
  const lists = await boardActions.listsOf(card.board);
  const target = lists.find((list) => list.status === "done");
  if (!target) {
    const name = useBoards.getState().index?.[card.board]?.name ?? "Its board";
    throw new Error(`${name} has no list with the status Done. It can be given to one in the board's settings.`);
  }
  await boardActions.moveTasks(card.board, [card.id], target.id, null);
}
