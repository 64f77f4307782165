/**
 * What is shown: the board as the log has it, with one's own commands that it does not contain yet applied on top, in
 * their order. Pure. An acknowledged command counts by its answer until the log has brought what it tells of.
 */
import type { Done } from "../outbox";
import type { BoardEvent, Command } from "../outbox-store";
import type { Id } from "../wire";
import { type Confirmed, Draft } from "./draft";
import { cardOf, moveCard } from "./reduce";
import { listStatus } from "./status";
import type { BoardData } from "./store";
import type { BoardList, Card, ChecklistItem, Move, NewTask, Status, TaskChange } from "./wire";

/** A command on its way. `done` once it is acknowledged. */
export interface Op {
  key: string;
  event: BoardEvent | "list.move";
  args: Record<string, unknown>;
  user: Id;
  at: string;
  done: Done | null;
}

export interface Shown {
  data: BoardData;
  /** Tasks with a command on its way → how many. */
  pending: Record<Id, number>;
}

/** Whether all that the answer tells of is contained. */
export function isSettled(done: Done, confirmed: Confirmed): boolean {
  if (confirmed.seq < done.seq) return false;
  const cards: { id?: Id; task?: Id; version: number }[] = [
    ...(done.task ? [done.task] : []),
    ...(done.move ? [done.move] : []),
    ...(done.tasks?.moves ?? done.tasks?.tasks ?? []),
    ...(done.checklist ? [done.checklist] : []),
  ];
  return cards.every(({ id, task, version }) => {
    const known = confirmed.data.tasks[id ?? task ?? ""] ?? confirmed.aside[id ?? task ?? ""];
    return !known || known.version >= version;
  });
}

/** `checklistOf`: a task's checklist as it is shown, where that is known. */
export function applyPending(
  confirmed: Confirmed,
  ops: Op[],
  checklistOf: (task: Id) => ChecklistItem[] | undefined,
): Shown {
  if (!ops.length) return { data: confirmed.data, pending: {} };
  const draft = new Draft(confirmed);
  const pending: Record<Id, number> = {};
  for (const op of ops) {
    for (const task of tasksOf(op)) pending[task] = (pending[task] ?? 0) + 1;
    if (op.done) applyAnswer(draft, op.done);
    else applyOp(draft, op, checklistOf);
  }
  return { data: draft.data, pending };
}

/** The tasks a command is about. */
export function tasksOf({ key, event, args, done }: Op): Id[] {
  if (event === "task.create") return [done?.task?.id ?? key];
  if (event === "tasks.move" || event === "tasks.archive") return args.tasks as Id[];
  return typeof args.task === "string" ? [args.task] : [];
}

function applyAnswer(draft: Draft, { task, move, tasks, checklist, comment }: Done): void {
  for (const card of [...(task ? [cardOf(task)] : []), ...(tasks?.tasks ?? [])]) {
    if ((draft.card(card.id)?.version ?? 0) < card.version) draft.put(card);
  }
  for (const moved of [...(move ? [move] : []), ...(tasks?.moves ?? [])] as Move[]) {
    const card = draft.card(moved.task);
    if (card && card.version < moved.version) draft.put({ ...moveCard(card, moved), version: moved.version });
  }
  if (checklist) {
    const card = draft.card(checklist.task);
    const items = checklist.checklist.length;
    const items_done = checklist.checklist.filter((item) => item.done).length;
    if (card && card.version < checklist.version) draft.put({ ...card, version: checklist.version, items, items_done });
  }
  if (comment && !comment.deleted && !comment.edited_at) {
    const card = draft.card(comment.task);
    if (card) draft.put({ ...card, comments: card.comments + 1 });
  }
}

function applyOp(draft: Draft, op: Op, checklistOf: (task: Id) => ChecklistItem[] | undefined): void {
  const { event, args } = op;
  const { after } = args as { after?: Id | null };
  const list = args.list as Id;
  if (event === "list.move") moveList(draft, list, after ?? null);
  else if (event === "task.create") createTask(draft, op, after);
  else if (event === "task.move" || event === "tasks.move") moveTasks(draft, tasksOf(op), list, after);
  else {
    for (const task of tasksOf(op)) {
      const card = draft.card(task);
      if (card) changePending(draft, card, op, checklistOf);
    }
  }
}

function changePending(
  draft: Draft,
  card: Card,
  { event, args }: Op,
  checklistOf: (task: Id) => ChecklistItem[] | undefined,
): void {
  if (event === "task.change") changeTask(draft, card, args as TaskChange);
  else if (event === "task.restore") draft.put({ ...card, archived: false });
  else if (event === "task.archive" || event === "tasks.archive") draft.put({ ...card, archived: true });
  else if (event === "comment.add") draft.put({ ...card, comments: card.comments + 1 });
  else if (event.startsWith("checklist.")) {
    const shown = checklistOf(card.id);
    if (shown) draft.put({ ...card, items: shown.length, items_done: shown.filter((item) => item.done).length });
    else if (event === "checklist.add") draft.put({ ...card, items: card.items + 1 });
  }
}

/** Where the list has a status, another one is that of another list. */
function changeTask(draft: Draft, card: Card, change: TaskChange): void {
  const { status, ...fields } = change;
  const given = listStatus(draft.data.lists, card.list);
  const own = status === undefined || given === null;
  draft.put(changeFields(card, own ? change : fields));
  const place = !own && status !== given && listOf(draft, status);
  if (place) moveTasks(draft, [card.id], place, undefined);
}

function createTask(draft: Draft, op: Op, after: Id | null | undefined): void {
  const card = newCard(op);
  const given = listStatus(draft.data.lists, card.list);
  const own = card.status === null || given === null;
  const place = !own && card.status !== given && listOf(draft, card.status);
  if (place) draft.place({ ...card, list: place, status: null }, undefined);
  else draft.place(own ? card : { ...card, status: null }, after);
}

/** The board's first list of that status. */
function listOf(draft: Draft, status: Status | null): Id | undefined {
  return draft.data.lists.find((list) => list.status === status)?.id;
}

/** As the server does: what is moved is no neighbour of itself. */
function moveTasks(draft: Draft, tasks: Id[], list: Id, after: Id | null | undefined): void {
  const cards = tasks.map((task) => draft.card(task)).filter((card) => card !== undefined && !card.archived) as Card[];
  if (draft.data.order[list] === undefined) return;
  if (cards.length === 1 && after === cards[0]?.id && cards[0]?.list === list) return;
  const ends = listStatus(draft.data.lists, list) !== null;
  let behind = typeof after === "string" && tasks.includes(after) ? undefined : after;
  for (const card of cards) if (draft.data.tasks[card.id]) draft.unlist(card);
  for (const card of cards) {
    draft.place({ ...card, list, status: ends ? null : card.status }, behind);
    if (behind !== undefined) behind = card.id;
  }
}

function moveList(draft: Draft, id: Id, after: Id | null): void {
  const list = draft.data.lists.find((one) => one.id === id);
  if (!list || after === id) return;
  const others: BoardList[] = draft.data.lists.filter((one) => one !== list);
  const behind = others.findIndex((one) => one.id === after);
  const at = after === null ? 0 : behind < 0 ? others.length : behind + 1;
  draft.data.lists = others.toSpliced(at, 0, list);
}

/** A card after a change that is not confirmed; it keeps its version. */
export function changeFields(card: Card, change: TaskChange): Card {
  const { title, description, status, priority, due_at, due_has_time, repeat, assignees, labels } = change;
  return {
    ...card,
    ...(title === undefined ? {} : { title: title.trim() }),
    ...(description === undefined ? {} : { described: description !== "" }),
    ...(status === undefined ? {} : { status }),
    ...(priority === undefined ? {} : { priority }),
    ...(due_at === undefined ? {} : { due_at }),
    ...(due_has_time === undefined ? {} : { due_has_time }),
    ...(repeat === undefined ? {} : { repeat }),
    ...(assignees === undefined ? {} : { assignees: assignees.toSorted() }),
    ...(labels === undefined ? {} : { labels: labels.toSorted() }),
  };
}

function newCard({ key, args, user, at }: Op): Card {
  const { list, board, message } = args as unknown as NewTask & { board: Id };
  const blank: Card = {
    id: key,
    board,
    list,
    rank: "",
    title: "",
    described: false,
    status: null,
    priority: null,
    due_at: null,
    due_has_time: false,
    created_by: user,
    created_at: at,
    changed_at: at,
    archived: false,
    message: message ?? null,
    version: 0,
    assignees: [],
    labels: [],
    items: 0,
    items_done: 0,
    comments: 0,
  };
  return changeFields(blank, args as TaskChange);
}

export function toOp({ key, event, args, user, created_at }: Command): Op {
  return { key, event: event as BoardEvent, args, user, at: created_at, done: null };
}
