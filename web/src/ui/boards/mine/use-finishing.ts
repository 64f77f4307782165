import { useCallback, useRef, useState } from "react";
import { listStatus } from "../../../core/boards/status";
import type { Card } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { announce, attempt } from "../../state";
import { boardActions } from "../store";

/** Tasks that were checked off here, or were and are to do again: they stay where they are until one leaves. */
export type Kept = Readonly<Record<Id, { card: Card; done: boolean }>>;

/** Checks tasks off, and puts them back to what they were. */
export function useFinishing() {
  const [kept, setKept] = useState<Kept>({});
  const before = useRef(new Map<Id, Card>());
  const toggle = useCallback(async (shown: Card, done: boolean) => {
    // Until one's tasks are loaded anew, a task that was checked off is shown in the list it was moved to.
    if (done) before.current.set(shown.id, shown);
    const card = before.current.get(shown.id) ?? shown;
    const put = (is: boolean) => setKept((all) => ({ ...all, [card.id]: { card, done: is } }));
    put(done);
    const change = done ? () => boardActions.changeTask(card.board, card.id, { status: "done" }) : () => undo(card);
    if (await attempt(change)) announce(`${done ? "Done" : "To do again"}: ${card.title}`);
    else put(!done);
  }, []);
  return { kept, toggle };
}

/** From a list with a status it was moved when it was done. */
async function undo({ board, id, list, status }: Card): Promise<void> {
  const lists = await boardActions.listsOf(board);
  if (listStatus(lists, list) === null) await boardActions.changeTask(board, id, { status });
  else await boardActions.moveTasks(board, [id], list);
}
