/** One task whole: what entries do to it, and what one's own commands do to what is shown. Pure. */
import type { Entry, Id } from "../wire";
import { changeFields, type Op, tasksOf } from "./pending";
import { changeCard, moveCard } from "./reduce";
import type { ChecklistItem, Comment, Task, TaskChange } from "./wire";

export interface WholeTask {
  task: Task;
  /** Oldest first. */
  comments: Comment[];
}

/** An entry applied; what a loaded task contains already is told by its version. */
export function reduceWhole(whole: WholeTask, entry: Entry): WholeTask {
  const data = entry.data as Partial<Task & Comment> & { task?: Id; version?: number };
  const { task } = whole;
  if (entry.kind === "label.removed") {
    const labels = task.labels.filter((label) => label !== data.id);
    return labels.length === task.labels.length ? whole : { ...whole, task: { ...task, labels } };
  }
  if (entry.kind.startsWith("comment.")) return { ...whole, comments: reduceComments(whole, entry) };
  const about = entry.kind === "task.restored" ? data.id : data.task;
  if (about !== task.id || data.version === undefined || data.version <= task.version) return whole;
  if (entry.kind === "task.restored") return { ...whole, task: entry.data as Task };
  const { description } = (entry.data as { changed?: Partial<Task> }).changed ?? {};
  return {
    ...whole,
    task: {
      ...task,
      ...changeCard(task, entry),
      ...(description === undefined ? {} : { description }),
      ...(entry.kind === "checklist.changed" ? { checklist: data.checklist ?? [] } : {}),
      version: data.version,
      changed_at: entry.at,
    } as Task,
  };
}

function reduceComments({ task, comments }: WholeTask, entry: Entry): Comment[] {
  if (entry.kind === "comment.deleted") {
    const { id } = entry.data as { id: Id };
    return comments.map((comment) => (comment.id === id ? { ...comment, body: "", deleted: true } : comment));
  }
  const comment = entry.data as Comment;
  if (comment.task !== task.id) return comments;
  const known = comments.some(({ id }) => id === comment.id);
  if (known) return comments.map((one) => (one.id === comment.id ? { ...one, ...comment } : one));
  // An edit of one that is further back than what is loaded.
  return entry.kind === "comment.added" ? [...comments, comment] : comments;
}

export function applyToWhole(whole: WholeTask, ops: Op[]): WholeTask {
  return ops.reduce((shown, op) => (op.done ? answerWhole(shown, op) : applyOp(shown, op)), whole);
}

function answerWhole(whole: WholeTask, op: Op): WholeTask {
  const { task, comments } = whole;
  const { task: told, move, tasks, checklist, comment } = op.done ?? {};
  if (told?.id === task.id && told.version > task.version) return { ...whole, task: told };
  const moved = [...(move ? [move] : []), ...(tasks?.moves ?? [])].find((one) => one.task === task.id);
  if (moved && moved.version > task.version) {
    return { ...whole, task: { ...moveCard(task, moved), version: moved.version } };
  }
  const card = tasks?.tasks?.find((one) => one.id === task.id);
  if (card && card.version > task.version) return { ...whole, task: { ...task, ...card } };
  if (checklist?.task === task.id && checklist.version > task.version) {
    return { ...whole, task: { ...task, checklist: checklist.checklist, version: checklist.version } };
  }
  if (comment?.task === task.id) {
    const known = comments.some(({ id }) => id === comment.id);
    const edited = op.event === "comment.edit";
    if (known && !edited) return whole;
    if (known) return { ...whole, comments: comments.map((one) => (one.id === comment.id ? comment : one)) };
    return edited ? whole : { ...whole, comments: [...comments, comment] };
  }
  return op.event === "comment.delete" ? applyOp(whole, op) : whole;
}

function applyOp(whole: WholeTask, op: Op): WholeTask {
  const { task, comments } = whole;
  const { event, args, key, user, at } = op;
  if (event === "comment.edit" || event === "comment.delete") {
    const change =
      event === "comment.edit" ? { body: String(args.body), edited_at: at } : { body: "", deleted: true as boolean };
    const shown = comments.map((comment) => (comment.id === args.comment ? { ...comment, ...change } : comment));
    return { ...whole, comments: shown };
  }
  if (!tasksOf(op).includes(task.id)) return whole;
  switch (event) {
    case "task.change": {
      const { description = task.description } = args as TaskChange;
      return { ...whole, task: { ...task, ...changeFields(task, args as TaskChange), description } };
    }
    case "task.move":
    case "tasks.move":
      return { ...whole, task: { ...task, list: args.list as Id } };
    case "task.archive":
    case "tasks.archive":
    case "task.restore":
      return { ...whole, task: { ...task, archived: event !== "task.restore" } };
    case "comment.add": {
      const comment = {
        id: key,
        task: task.id,
        author: user,
        body: String(args.body),
        created_at: at,
        edited_at: null,
        deleted: false,
      };
      return { ...whole, comments: [...comments, comment] };
    }
    default:
      return { ...whole, task: { ...task, checklist: changeChecklist(task.checklist, op) } };
  }
}

function changeChecklist(checklist: ChecklistItem[], { event, args, key }: Op): ChecklistItem[] {
  const { item: id, after } = args as { item?: Id; after?: Id | null };
  if (event === "checklist.add") {
    return placeItem(checklist, { id: key, text: String(args.text).trim(), done: false, rank: "" }, after);
  }
  const item = checklist.find((one) => one.id === id);
  if (!item) return checklist;
  if (event === "checklist.remove") return checklist.filter((one) => one !== item);
  const { text = item.text, done = item.done } = args as { text?: string; done?: boolean };
  const changed = { ...item, text: text.trim(), done };
  if (!("after" in args) || after === id) return checklist.map((one) => (one === item ? changed : one));
  const others = checklist.filter((one) => one !== item);
  return placeItem(others, changed, after);
}

function placeItem(others: ChecklistItem[], item: ChecklistItem, after: Id | null | undefined): ChecklistItem[] {
  const behind = others.findIndex((one) => one.id === after);
  const at = after === null ? 0 : behind < 0 ? others.length : behind + 1;
  return others.toSpliced(at, 0, item);
}
