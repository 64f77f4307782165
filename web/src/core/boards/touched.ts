/** Which tasks others have just moved or changed. */
import type { Entry, Id } from "../wire";
import type { BoardState } from "./store";

/** So long it may be shown. */
const KEPT_MS = 5_000;
const KINDS = new Set([
  "task.created",
  "task.restored",
  "task.changed",
  "task.moved",
  "task.assigned",
  "task.unassigned",
]);

export function findTouched(before: BoardState["touched"], queue: { entry: Entry }[]): BoardState["touched"] {
  const now = Date.now();
  const kept = Object.entries(before).filter(([, { at }]) => now - at < KEPT_MS);
  const fresh = queue
    .filter(({ entry }) => KINDS.has(entry.kind))
    .map(({ entry }) => [idOf(entry), { by: entry.actor, at: now }] as const);
  if (!fresh.length && kept.length === Object.keys(before).length) return before;
  return Object.fromEntries([...kept, ...fresh]);
}

function idOf({ data }: Entry): Id {
  const { task, id } = data as { task?: Id; id?: Id };
  return task ?? id ?? "";
}
