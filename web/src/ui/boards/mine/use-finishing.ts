import { useCallback, useState } from "react";
import type { Card } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { announce, attempt } from "../../state";
import { boardActions, useBoards } from "../store";

/** Checks tasks off: into their board's first list whose status is done, and back to where they were. */
export function useFinishing() {
  const [finished, setFinished] = useState<Readonly<Record<Id, Card>>>({});
  const toggle = useCallback(async (card: Card, done: boolean) => {
    const put = () => setFinished((all) => ({ ...all, [card.id]: card }));
    const take = () => setFinished(({ [card.id]: _one, ...others }) => others);
    if (done) {
      put();
      if (await attempt(() => finish(card))) announce(`Done: ${card.title}`);
      else take();
      return;
    }
    const back = await attempt(() => boardActions.moveTasks(card.board, [card.id], card.list));
    if (!back) return;
    announce(`To do again: ${card.title}`);
    take();
  }, []);
  return { finished, toggle };
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
