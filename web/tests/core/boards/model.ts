/** The server's boards, one of them, as simply as can be: commands in, entries and pages out (hubbub/boards/service). */
import type {
  Board,
  BoardAnswer,
  BoardList,
  BoardMember,
  BoardPage,
  Card,
  ChecklistItem,
  Comment,
  Label,
  Right,
  Task,
} from "../../../src/core/boards/wire";
import type { Entry, Id } from "../../../src/core/wire";
import { AT, entry } from "../fixtures";

export const BOARD = "board-1";

type Args = Record<string, unknown>;
type Append = (kind: string, data: unknown, actor: Id, key?: string) => number;

const DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz";

/** What is refused; the fake server makes an ack of it. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    detail: string,
  ) {
    super(detail);
  }
}

/** A fraction between two; null is 1. */
export function between(low: string, high: string | null): string {
  let found = "";
  for (let at = 0; ; at += 1) {
    const first = DIGITS.indexOf(low[at] ?? "0");
    const last = high === null ? DIGITS.length : DIGITS.indexOf(high[at] ?? "0");
    if (last - first > 1) return found + DIGITS[(first + last) >> 1];
    found += DIGITS[first];
    // Once in front of `high`, the digits behind it are free.
    if (last > first) high = null;
  }
}

export class BoardModel {
  board: Board = {
    id: BOARD,
    name: "Board",
    room: null,
    shown_to: "colleagues",
    created_by: "ann",
    created_at: AT,
    archived: false,
  };
  right: Right = "edit";
  members: BoardMember[] = [{ user: "ann", name: "Person ann", right: "manage" }];
  lists = new Map<Id, BoardList>();
  labels = new Map<Id, Label>();
  tasks = new Map<Id, Task>();
  comments = new Map<Id, Comment>();
  log: Entry[] = [];
  /** Commands that changed something, by key. */
  readonly done = new Map<string, { answer: BoardAnswer; seq: number }>();
  /** Of a rank; short, so that room has to be made often. */
  longest = 2;
  private ids = 0;
  private append: Append;
  /** Of the running command; its first entry has it. */
  private key: string | undefined;
  private seq: number | null = null;

  constructor(append?: Append) {
    this.append =
      append ??
      ((kind, data, actor, key) => {
        const added = entry(BOARD, this.log.length + 1, kind, structuredClone(data), actor);
        this.log.push(key === undefined ? added : { ...added, key });
        return added.seq;
      });
    for (const name of ["todo", "doing", "done"]) this.run("ann", () => this.createList("ann", name));
  }

  /** Runs a command once for each key. Throws Refusal, and then has changed nothing. */
  run<T extends BoardAnswer>(_actor: Id, work: () => T, key?: string): T & { seq: number } {
    const known = key === undefined ? undefined : this.done.get(key);
    if (known) return { ...(known.answer as T), seq: known.seq };
    this.key = key;
    this.seq = null;
    const answer = structuredClone(work());
    const seq = this.seq ?? this.head;
    if (key !== undefined) this.done.set(key, { answer, seq });
    return { ...answer, seq };
  }

  head = 0;
  stream = BOARD;

  private tell(actor: Id, kind: string, data: unknown): void {
    this.head = this.append(kind, data, actor, this.key);
    this.seq ??= this.head;
    this.key = undefined;
  }

  private fresh(kind: string): Id {
    this.ids += 1;
    return `${kind}-${this.ids}`;
  }

  live(): Task[] {
    return [...this.tasks.values()].filter((task) => !task.archived && !this.list(task.list).archived);
  }

  page(first = 10_000): BoardPage {
    const lists = [...this.lists.values()].filter((list) => !list.archived).sort(byRank);
    return structuredClone({
      ...this.board,
      right: this.right,
      stream: this.stream,
      head: this.head,
      members: this.members,
      people: [],
      labels: [...this.labels.values()].sort((one, other) => one.name.localeCompare(other.name)),
      lists: lists.map((list) => {
        const tasks = this.inList(list.id).filter((task) => !task.archived);
        return { ...list, total: tasks.length, tasks: tasks.slice(0, first).map((task) => this.card(task)) };
      }),
    });
  }

  card({ description, checklist, ...card }: Task): Card {
    const comments = [...this.comments.values()].filter((one) => one.task === card.id && !one.deleted).length;
    const items_done = checklist.filter((item) => item.done).length;
    return { ...card, described: description !== "", items: checklist.length, items_done, comments };
  }

  whole(task: Id): Task {
    const { description, checklist } = this.task(task);
    return { ...this.card(this.task(task)), description, checklist };
  }

  /** A socket command of boards. Throws Refusal. */
  command(actor: Id, event: string, args: Args): BoardAnswer {
    const { task, tasks, list, after } = args as { task: Id; tasks: Id[]; list: Id; after?: Id | null };
    switch (event) {
      case "task.create":
        return { task: this.createTask(actor, args) };
      case "task.change":
        return { task: this.changeTask(actor, task, args) };
      case "task.move":
        return { move: this.moveTasks(actor, [task], list, after, true)[0] as NonNullable<BoardAnswer["move"]> };
      case "tasks.move":
        return { tasks: { moves: this.moveTasks(actor, tasks, list, after, false) } };
      case "task.archive":
        this.archive(actor, [task]);
        return { task: this.whole(task) };
      case "tasks.archive":
        this.archive(actor, tasks);
        return { tasks: { tasks: tasks.map((id) => this.card(this.task(id))) } };
      case "task.restore":
        return { task: this.restore(actor, task) };
      case "comment.add":
        return { comment: this.comment(actor, task, String(args.body)) };
      case "comment.delete":
        this.deleteComment(actor, args.comment as Id);
        return {};
      case "checklist.add":
      case "checklist.change":
      case "checklist.remove":
        return this.checklist(actor, event, task, args);
      default:
        throw new Refusal(404, event);
    }
  }

  task(id: Id): Task {
    const task = this.tasks.get(id);
    if (!task) throw new Refusal(404, "There is no such task.");
    return task;
  }

  list(id: Id): BoardList {
    const list = this.lists.get(id);
    if (!list) throw new Refusal(422, "There is no such list on this board.");
    return list;
  }

  private inList(list: Id): Task[] {
    return [...this.tasks.values()].filter((task) => task.list === list).sort(byRank);
  }

  private openList(id: Id): BoardList {
    if (this.list(id).archived) throw new Refusal(409, "This list is archived: restore it first.");
    return this.list(id);
  }

  private liveTask(id: Id): Task {
    if (this.task(id).archived) throw new Refusal(409, "This task is archived: restore it first.");
    return this.task(id);
  }

  private createTask(actor: Id, args: Args): Task {
    const {
      list,
      title,
      after,
      description = "",
      labels = [],
      assignees = [],
    } = args as unknown as Task & {
      after?: Id | null;
    };
    this.openList(list);
    if (title.length < 3) throw new Refusal(422, "A title has at least 3 characters.");
    const [rank] = this.findRanks(actor, list, after, 1, []);
    const task: Task = {
      id: this.fresh("task"),
      board: BOARD,
      list,
      rank: rank ?? "",
      title,
      described: false,
      status: null,
      priority: null,
      due_at: null,
      due_has_time: false,
      created_by: actor,
      created_at: AT,
      changed_at: AT,
      archived: false,
      message: null,
      version: 1,
      assignees: [...assignees],
      labels: [...labels],
      items: 0,
      items_done: 0,
      comments: 0,
      description,
      checklist: [],
    };
    this.tasks.set(task.id, task);
    this.tell(actor, "task.created", this.whole(task.id));
    return this.whole(task.id);
  }

  private changeTask(actor: Id, id: Id, args: Args): Task {
    const task = this.liveTask(id);
    const { task: _id, key: _key, assignees, ...fields } = args as Partial<Task> & Args;
    const wanted = "status" in fields ? (fields.status ?? null) : undefined;
    const given = this.list(task.list).status;
    const place = wanted !== undefined && given !== null && wanted !== given ? this.listOf(wanted) : undefined;
    if (wanted !== undefined) fields.status = given === null ? wanted : null;
    const changed = Object.entries(fields).filter(
      ([name, value]) => JSON.stringify(task[name as never]) !== JSON.stringify(value),
    );
    if (changed.length) {
      const values = Object.fromEntries(changed);
      const version = this.touch(id, values);
      this.tell(actor, "task.changed", { task: id, version, changed_at: AT, changed: values });
    }
    const before = this.task(id).assignees;
    for (const user of before.filter((one) => assignees && !assignees.includes(one)))
      this.assign(actor, id, user, false);
    for (const user of (assignees ?? []).filter((one) => !before.includes(one))) this.assign(actor, id, user, true);
    if (place) this.moveTasks(actor, [id], place.id, undefined, true);
    return this.whole(id);
  }

  private listOf(status: BoardList["status"]): BoardList {
    const live = [...this.lists.values()].filter((list) => !list.archived).sort(byRank);
    const found = live.find((list) => list.status === status);
    if (!found) throw new Refusal(409, "This board has no such list.");
    return found;
  }

  private assign(actor: Id, task: Id, user: Id, on: boolean): void {
    const others = this.task(task).assignees.filter((one) => one !== user);
    const assignees = on ? [...others, user].sort() : others;
    const version = this.touch(task, { assignees });
    this.tell(actor, on ? "task.assigned" : "task.unassigned", { task, user, assignees, version });
  }

  private moveTasks(actor: Id, tasks: Id[], list: Id, after: Id | null | undefined, single: boolean) {
    for (const task of tasks) this.liveTask(task);
    this.openList(list);
    const [only] = tasks;
    if (single && only && after === only && this.task(only).list === list) {
      const { rank, version } = this.task(only);
      return [{ task: only, list, rank, version }];
    }
    const ranks = this.findRanks(actor, list, after, tasks.length, tasks);
    return tasks.map((task, at) => {
      const rank = ranks[at] ?? "";
      const ends = this.list(list).status !== null && this.task(task).status !== null;
      const lost = ends ? { status: null } : {};
      const move = { task, list, rank, version: this.touch(task, { list, rank, ...lost }), ...lost };
      this.tell(actor, "task.moved", move);
      return move;
    });
  }

  private archive(actor: Id, tasks: Id[]): void {
    for (const id of tasks) this.task(id);
    for (const id of tasks) {
      const { archived, list } = this.task(id);
      if (archived) continue;
      this.tell(actor, "task.archived", { task: id, list, version: this.touch(id, { archived: true }) });
    }
  }

  private restore(actor: Id, id: Id): Task {
    if (!this.task(id).archived) return this.whole(id);
    this.openList(this.task(id).list);
    this.touch(id, { archived: false });
    this.tell(actor, "task.restored", this.whole(id));
    return this.whole(id);
  }

  private comment(actor: Id, task: Id, body: string): Comment {
    this.task(task);
    const id = this.fresh("comment");
    const comment = { id, task, author: actor, body, created_at: AT, edited_at: null, deleted: false };
    this.comments.set(id, comment);
    this.tell(actor, "comment.added", { ...comment, mentions: [] });
    return comment;
  }

  private deleteComment(actor: Id, id: Id): void {
    const comment = this.comments.get(id);
    if (!comment) throw new Refusal(404, "There is no such comment.");
    if (comment.deleted) return;
    this.comments.set(id, { ...comment, body: "", deleted: true });
    this.tell(actor, "comment.deleted", { id, task: comment.task });
  }

  private checklist(actor: Id, event: string, id: Id, args: Args): BoardAnswer {
    const task = this.liveTask(id);
    const { item, text, done } = args as { item: Id; text?: string; done?: boolean };
    let { checklist } = task;
    if (event === "checklist.add") {
      const rank = between(checklist.at(-1)?.rank ?? "", null);
      checklist = [...checklist, { id: this.fresh("item"), text: text ?? "", done: false, rank }];
    } else {
      const known = checklist.find((one) => one.id === item);
      if (!known) throw new Refusal(404, "There is no such item on this checklist.");
      const changed: ChecklistItem = { ...known, text: text ?? known.text, done: done ?? known.done };
      checklist = checklist.flatMap((one) => (one !== known ? [one] : event === "checklist.remove" ? [] : [changed]));
    }
    const data = { task: id, checklist, version: this.touch(id, { checklist }) };
    this.tell(actor, "checklist.changed", data);
    return { checklist: data };
  }

  createList(actor: Id, name: string, after?: Id): BoardAnswer {
    const others = [...this.lists.values()].sort(byRank);
    const at = after === undefined ? others.length : others.findIndex(({ id }) => id === after) + 1;
    const rank = between(others[at - 1]?.rank ?? "", others[at]?.rank ?? null);
    const list = {
      id: this.fresh("list"),
      board: BOARD,
      name,
      rank,
      status: null,
      shown_outside: true,
      archived: false,
    };
    this.lists.set(list.id, list);
    this.tell(actor, "list.created", list);
    return {};
  }

  changeList(actor: Id, id: Id, change: Partial<BoardList>, kind: string): BoardList {
    const list = { ...this.list(id), ...change };
    if (JSON.stringify(list) === JSON.stringify(this.list(id))) return list;
    this.lists.set(id, list);
    this.tell(actor, kind, list);
    return list;
  }

  moveList(actor: Id, id: Id, after: Id | null): BoardList {
    const others = [...this.lists.values()].filter((list) => list.id !== id).sort(byRank);
    const at = after === null ? 0 : others.findIndex((list) => list.id === after) + 1;
    const rank = between(others[at - 1]?.rank ?? "", others[at]?.rank ?? null);
    return this.changeList(actor, id, { rank }, "list.moved");
  }

  putLabel(actor: Id, id: Id, name: string): void {
    const known = this.labels.has(id);
    this.labels.set(id, { id, board: BOARD, name, colour: "grey" });
    this.tell(actor, known ? "label.changed" : "label.created", this.labels.get(id));
  }

  removeLabel(actor: Id, id: Id): void {
    if (!this.labels.delete(id)) return;
    for (const task of this.tasks.values()) {
      this.tasks.set(task.id, { ...task, labels: task.labels.filter((label) => label !== id) });
    }
    this.tell(actor, "label.removed", { id, board: BOARD });
  }

  rename(actor: Id, name: string): void {
    this.board = { ...this.board, name };
    this.tell(actor, "board.changed", this.board);
  }

  setMember(actor: Id, user: Id, right: Right | null): void {
    const others = this.members.filter((member) => member.user !== user);
    this.members = right === null ? others : [...others, { user, name: `Person ${user}`, right }];
    this.members.sort((one, other) => one.name.localeCompare(other.name));
    const kind = right === null ? "board.member_removed" : "board.member_set";
    this.tell(actor, kind, { board: BOARD, user, right: right ?? "edit" });
  }

  private touch(id: Id, values: Partial<Task>): number {
    const task = this.task(id);
    const version = task.version + 1;
    this.tasks.set(id, { ...task, ...values, version });
    return version;
  }

  private findRanks(actor: Id, list: Id, after: Id | null | undefined, count: number, moving: Id[]): string[] {
    const others = this.inList(list).filter((task) => !moving.includes(task.id));
    const behind = others.findIndex((task) => task.id === after && !task.archived);
    const at = after === null ? 0 : behind < 0 ? others.length : behind + 1;
    const ranks: string[] = [];
    for (let place = 0; place < count; place += 1) {
      ranks.push(between(ranks.at(-1) ?? others[at - 1]?.rank ?? "", others[at]?.rank ?? null));
    }
    if (ranks.every((rank) => rank.length <= this.longest)) return ranks;
    const spread = Array.from({ length: others.length + count }, (_, place) => {
      const digits = Math.floor(((place + 1) * 46_656) / (others.length + count + 1));
      return digits.toString(36).padStart(3, "0").replace(/0+$/, "");
    });
    const moved: Record<Id, string> = {};
    others.forEach((task, place) => {
      const rank = spread[place < at ? place : place + count] ?? "";
      this.tasks.set(task.id, { ...task, rank });
      moved[task.id] = rank;
    });
    this.tell(actor, "list.rebalanced", { list, ranks: moved });
    return spread.slice(at, at + count);
  }
}

function byRank(one: { rank: string }, other: { rank: string }): number {
  return one.rank < other.rank ? -1 : 1;
}
