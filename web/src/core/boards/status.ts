/** How far a task is: what its list says, and where that says nothing, what the task itself says. */
import type { Id } from "../wire";
import type { BoardList, Card, Status } from "./wire";

export function listStatus(lists: readonly BoardList[] | undefined, list: Id): Status | null {
  return lists?.find(({ id }) => id === list)?.status ?? null;
}

/** The one that counts. */
export function statusOf(lists: readonly BoardList[] | undefined, card: Card): Status | null {
  return listStatus(lists, card.list) ?? card.status;
}
