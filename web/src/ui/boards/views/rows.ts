/** The list view as rows: each list's head, and under it its tasks in the wished order. */
import type { BoardData } from "../../../core/boards/store";
import type { BoardList, Card, Priority } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";

export const SORT_KEYS = ["title", "priority", "due", "changed"] as const;
export type SortKey = (typeof SORT_KEYS)[number];
export interface Sort {
  by: SortKey;
  /** The other way round. Tasks without what it is sorted by stay at the end. */
  falling: boolean;
}

export type Row =
  | { kind: "list"; list: BoardList; count: number; closed: boolean }
  | { kind: "add"; list: BoardList }
  | { kind: "none"; list: BoardList }
  | { kind: "task"; task: Id };

export interface Shown {
  /** Null: all tasks. Lists without a task that fits are left out. */
  fits: ((card: Card) => boolean) | null;
  /** Null: as the lists have them. */
  sort: Sort | null;
  closed: ReadonlySet<Id>;
  /** Where a task is being added. */
  adding: Id | null;
}

export function makeRows({ lists, order, tasks }: BoardData, { fits, sort, closed, adding }: Shown): Row[] {
  const rows: Row[] = [];
  for (const list of lists) {
    const cards: Card[] = [];
    for (const id of order[list.id] ?? []) {
      const card = tasks[id];
      if (card && (!fits || fits(card))) cards.push(card);
    }
    if (fits && cards.length === 0 && adding !== list.id) continue;
    rows.push({ kind: "list", list, count: cards.length, closed: closed.has(list.id) });
    if (closed.has(list.id)) continue;
    if (adding === list.id) rows.push({ kind: "add", list });
    else if (cards.length === 0) rows.push({ kind: "none", list });
    if (sort) cards.sort(compareBy(sort));
    for (const card of cards) rows.push({ kind: "task", task: card.id });
  }
  return rows;
}

const URGENCY: Record<Priority, number> = { high: 0, medium: 1, low: 2 };
const words = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

const VALUES: Record<Exclude<SortKey, "title">, (card: Card) => number | null> = {
  priority: (card) => (card.priority === null ? null : URGENCY[card.priority]),
  due: (card) => (card.due_at === null ? null : Date.parse(card.due_at)),
  changed: (card) => -Date.parse(card.changed_at),
};

function compareBy({ by, falling }: Sort): (a: Card, b: Card) => number {
  const way = falling ? -1 : 1;
  if (by === "title") return (a, b) => way * words.compare(a.title, b.title);
  const value = VALUES[by];
  return (a, b) => {
    const [one, other] = [value(a), value(b)];
    if (one === null || other === null) return Number(one === null) - Number(other === null);
    return way * (one - other);
  };
}

/** "due" or, the other way round, "-due"; null for anything else. */
export function readSort(text: string | null): Sort | null {
  const falling = text?.startsWith("-") ?? false;
  const by = SORT_KEYS.find((key) => key === (falling ? text?.slice(1) : text));
  return by ? { by, falling } : null;
}

export const writeSort = (sort: Sort): string => `${sort.falling ? "-" : ""}${sort.by}`;

/** What choosing a column leads to: sorted, the other way round, as the lists have them. */
export function nextSort(sort: Sort | null, by: SortKey): Sort | null {
  if (sort?.by !== by) return { by, falling: false };
  return sort.falling ? null : { by, falling: true };
}
