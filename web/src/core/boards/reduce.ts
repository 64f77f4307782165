/** Entries of a board's stream applied to it, as a pure function: the result equals the board loaded afresh after them. */
import type { Entry, Id, Role } from "../wire";
import { type Confirmed, Draft } from "./draft";
import type { BoardData } from "./store";
import type { Board, BoardList, BoardMember, BoardPage, Card, Comment, Label, Move, Right, Task } from "./wire";

/** Who looks at it, and what people are called. */
export interface Viewer {
  id: Id;
  role: Role;
  nameOf(user: Id): string;
}

export function fromPage(page: BoardPage): Confirmed {
  const { id, name, room, shown_to, created_by, created_at, archived, right, members, labels, lists } = page;
  const tasks: Record<Id, Card> = {};
  const order: Record<Id, Id[]> = {};
  for (const list of lists) {
    order[list.id] = list.tasks.map((card) => card.id);
    for (const card of list.tasks) tasks[card.id] = card;
  }
  const data: BoardData = {
    board: { id, name, room, shown_to, created_by, created_at, archived },
    right,
    members,
    labels: Object.fromEntries(labels.map((label) => [label.id, label])),
    lists: lists.map(({ tasks: _tasks, total: _total, ...list }) => list),
    tasks,
    order,
  };
  const partial = lists.some((list) => list.total > list.tasks.length);
  return { stream: page.stream, seq: page.head, data, aside: {}, closed: new Set(), partial, stale: false };
}

/** Entries in order; those that are contained already change nothing. */
export function reduceBoard(confirmed: Confirmed, entries: Entry[], viewer: Viewer): Confirmed {
  const fresh = entries.filter((entry) => entry.seq > confirmed.seq);
  const last = fresh.at(-1);
  if (!last) return confirmed;
  const draft = new Draft(confirmed);
  const closed = new Set(confirmed.closed);
  let { stale } = confirmed;
  for (const entry of fresh) {
    const family = entry.kind.slice(0, entry.kind.indexOf("."));
    if (entry.kind === "list.rebalanced") {
      const { list, ranks } = entry.data as { list: Id; ranks: Record<Id, string> };
      draft.rerank(list, ranks);
    } else if (family === "list") {
      const list = entry.data as BoardList;
      if (!draft.putList(list, closed.has(list.id)) && entry.kind === "list.restored") stale = true;
      if (entry.kind === "list.archived" && !confirmed.partial) closed.add(list.id);
      else closed.delete(list.id);
    } else if (family === "board") reduceOwn(draft.data, entry, viewer);
    else if (family === "label") reduceLabel(draft, entry);
    else if (!reduceTask(draft, entry)) stale = true;
  }
  const { data, aside } = draft;
  return { ...confirmed, seq: last.seq, data, aside, closed, stale };
}

function reduceOwn(data: BoardData, entry: Entry, viewer: Viewer): void {
  if (entry.kind === "board.rebalanced") {
    const { ranks } = entry.data as { ranks: Record<Id, string> };
    const lists = data.lists.map((list) => (ranks[list.id] ? { ...list, rank: ranks[list.id] ?? "" } : list));
    data.lists = lists.sort((one, other) => (one.rank < other.rank ? -1 : 1));
  } else if (entry.kind === "board.member_set" || entry.kind === "board.member_removed") {
    const { user, right } = entry.data as { user: Id; right: Right | null };
    const known = data.members.find((member) => member.user === user);
    const others = data.members.filter((member) => member !== known);
    const set = entry.kind === "board.member_set" && right !== null;
    const name = known?.name || viewer.nameOf(user);
    data.members = set ? sortMembers([...others, { user, name, right }]) : others;
    if (user === viewer.id && right !== null && !isManager(viewer.role)) data.right = right;
  } else if (entry.kind !== "board.divided") data.board = entry.data as Board;
}

export function isManager(role: Role): boolean {
  return role === "owner" || role === "admin";
}

export function sortMembers(members: BoardMember[]): BoardMember[] {
  return members.sort((one, other) => one.name.localeCompare(other.name));
}

function reduceLabel(draft: Draft, entry: Entry): void {
  const { data } = draft;
  if (entry.kind !== "label.removed") {
    const label = entry.data as Label;
    const labels = Object.values({ ...data.labels, [label.id]: label });
    labels.sort((one, other) => one.name.localeCompare(other.name));
    data.labels = Object.fromEntries(labels.map((one) => [one.id, one]));
    return;
  }
  const { id } = entry.data as { id: Id };
  const { [id]: _removed, ...labels } = data.labels;
  data.labels = labels;
  for (const card of [...Object.values(data.tasks), ...Object.values(draft.aside)]) {
    if (card.labels.includes(id)) draft.put({ ...card, labels: card.labels.filter((label) => label !== id) });
  }
}

/** False when the task is not here, and what was told of it would be missing. */
function reduceTask(draft: Draft, entry: Entry): boolean {
  if (entry.kind === "task.created" || entry.kind === "task.restored") {
    const task = entry.data as Task;
    // The order may hold a newer state of it already only if the board was loaded later: then the entry is not fresh.
    draft.put(cardOf(task));
    return true;
  }
  const { task, version } = entry.data as { task: Id; version?: number };
  const card = draft.card(task);
  if (!card) return entry.kind === "task.archived" || entry.kind.startsWith("comment.");
  const next = changeCard(card, entry);
  draft.put(version === undefined ? next : { ...next, version, changed_at: entry.at });
  return true;
}

/** A card after an entry about it. */
export function changeCard(card: Card, entry: Entry): Card {
  switch (entry.kind) {
    case "task.changed": {
      const { changed } = entry.data as { changed: Partial<Task> };
      const { description, ...fields } = changed;
      return { ...card, ...fields, ...(description === undefined ? {} : { described: description !== "" }) };
    }
    case "task.moved": {
      return moveCard(card, entry.data as Move);
    }
    case "task.archived":
      return { ...card, archived: true };
    case "task.assigned":
    case "task.unassigned":
      return { ...card, assignees: (entry.data as Card).assignees };
    case "checklist.changed":
      return { ...card, ...countItems((entry.data as Task).checklist) };
    case "comment.added":
      return { ...card, comments: card.comments + 1 };
    case "comment.deleted":
      return { ...card, comments: Math.max(0, card.comments - 1) };
    default:
      return card;
  }
}

/** A card where it was moved to; its version stays. */
export function moveCard<Moved extends Card>(card: Moved, { list, rank, status }: Move): Moved {
  return { ...card, list, rank, ...(status === undefined ? {} : { status }) };
}

export function countItems(checklist: { done: boolean }[]): Pick<Card, "items" | "items_done"> {
  return { items: checklist.length, items_done: checklist.filter((item) => item.done).length };
}

/** A task as lists have it. */
export function cardOf({ description: _words, checklist: _items, ...card }: Task): Card {
  return card;
}

/** Whether an entry of a board's stream tells of that task. */
export function isAbout(entry: Entry, task: Id): boolean {
  const data = entry.data as Partial<Comment>;
  return data.task === task || data.id === task;
}
