/** Tasks that are open: loaded whole, kept up to date by their board's entries, shown with one's own commands. */
import { ApiError } from "../problem";
import type { Entry, Id } from "../wire";
import type { Boards } from "./boards";
import { sameFields } from "./held";
import { type Op, tasksOf } from "./pending";
import { getNamed } from "./people";
import { cardOf, isAbout } from "./reduce";
import type { BoardsState, TaskDetail } from "./store";
import { applyToWhole, reduceWhole, type WholeTask } from "./task-detail";
import type { ActivityPage, ChecklistItem, CommentsPage, Task } from "./wire";

const PAGE = 30;
const ATTEMPTS = 4;
const LAG_MS = 250;
/** Pages of activity that may be empty in a row. */
const EMPTY_PAGES = 5;
/** Tasks kept up to date after they were closed. */
const KEPT = 20;

interface Open {
  readonly board: Id;
  task: Id;
  whole: WholeTask | null;
  olderComments: string | null;
  activity: Entry[];
  olderActivity: string | null;
  count: number;
  error: string | null;
  /** Entries applied while it is on its way. */
  recording: Entry[] | null;
}

const EMPTY: TaskDetail = {
  loading: true,
  error: null,
  card: null,
  description: "",
  checklist: [],
  comments: [],
  moreComments: false,
  activity: [],
  moreActivity: null,
};

export class Details {
  private readonly boards: Boards;
  private readonly tasks = new Map<Id, Open>();

  constructor(boards: Boards) {
    this.boards = boards;
  }

  open(board: Id, task: Id): () => void {
    const open = this.tasks.get(task) ?? start(board, task);
    // The one opened last is to be kept longest.
    this.tasks.delete(task);
    this.tasks.set(task, open);
    open.count += 1;
    // Without its board followed nothing has kept it up to date.
    const known = open.whole && this.boards.confirmed(board);
    if (!known && !open.recording && !this.isPending(open)) void this.load(open);
    this.show(open);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      open.count -= 1;
      this.trim();
    };
  }

  /** Those of a board that are open, afresh; the others are forgotten. */
  refresh(board: Id): void {
    for (const open of this.of(board)) {
      if (open.count > 0) void this.load(open);
      else this.drop([open]);
    }
  }

  forget(board: Id): void {
    this.drop(this.of(board));
  }

  clear(): void {
    this.tasks.clear();
  }

  /** A task that was made is known by its id; gives what is shown then. */
  rename(key: string, task: Task | undefined): Pick<BoardsState, "details"> | undefined {
    const open = this.tasks.get(key);
    if (!open || !task) return;
    this.tasks.delete(key);
    open.task = task.id;
    open.whole = { task, comments: [] };
    this.tasks.set(task.id, open);
    if (open.count > 0) void this.load(open);
    const { [key]: _before, ...details } = this.boards.state.details;
    return { details: { ...details, [task.id]: this.detailOf(open, []) } };
  }

  /** Entries of a board. */
  apply(entries: Entry[]): void {
    for (const open of this.of(entries[0]?.stream ?? "")) {
      open.recording?.push(...entries);
      bring(open, entries);
    }
  }

  publish(board: Id, ops: Op[]): void {
    for (const open of this.of(board)) this.show(open, ops);
  }

  /** A task's checklist as it is shown, if it is open. */
  checklistOf(task: Id): ChecklistItem[] | undefined {
    return this.tasks.get(task)?.whole ? this.boards.state.details[task]?.checklist : undefined;
  }

  /** The item of an answered checklist that was not there before. */
  findAdded(task: Id, text: string, checklist: ChecklistItem[]): ChecklistItem | undefined {
    const whole = this.tasks.get(task)?.whole;
    const known = new Set(whole?.task.checklist.map((item) => item.id));
    const { keys } = this.boards.state;
    return whole ? checklist.find(({ id, text: said }) => !known.has(id) && !keys[id] && said === text) : undefined;
  }

  async olderComments(task: Id): Promise<void> {
    const open = this.tasks.get(task);
    const cursor = open?.olderComments;
    if (!open?.whole || !cursor) return;
    const page = await this.loadComments(task, cursor);
    if (!open.whole || open.olderComments !== cursor) return;
    const known = new Set(open.whole.comments.map(({ id }) => id));
    const older = page.items.filter(({ id }) => !known.has(id)).toReversed();
    open.whole = { ...open.whole, comments: [...older, ...open.whole.comments] };
    open.olderComments = page.next;
    this.show(open);
  }

  async olderActivity(task: Id): Promise<void> {
    const open = this.tasks.get(task);
    const cursor = open?.olderActivity;
    if (!open || !cursor) return;
    const page = await this.loadActivity(open, cursor);
    if (open.olderActivity !== cursor) return;
    open.activity = [...open.activity, ...page.items];
    open.olderActivity = page.next;
    this.show(open);
  }

  private async load(open: Open): Promise<void> {
    const recording: Entry[] = [];
    open.recording = recording;
    open.error = null;
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, LAG_MS * 2 ** attempt));
        const floor = this.boards.confirmed(open.board)?.data.tasks[open.task]?.version ?? 0;
        const [task, comments, activity] = await Promise.all([
          this.boards.core.api.get<Task>(`/api/tasks/${open.task}`),
          this.loadComments(open.task),
          this.loadActivity(open),
        ]);
        if (open.recording !== recording) return;
        // A copy of the database may lag behind what has been applied.
        if (task.version < floor && attempt < ATTEMPTS - 1) continue;
        open.whole = { task, comments: comments.items.toReversed() };
        open.olderComments = comments.next;
        open.activity = activity.items;
        open.olderActivity = activity.next;
        bring(open, recording);
        break;
      }
    } catch (error) {
      if (open.recording !== recording) return;
      open.error = error instanceof ApiError ? error.message : "The task can't be loaded. Try again.";
    }
    open.recording = null;
    if (this.tasks.get(open.task) !== open) return;
    this.show(open);
    // The card of a task with a checklist of one's own making counts its items.
    this.boards.changed(open.board);
  }

  private loadComments(task: Id, cursor?: string): Promise<CommentsPage> {
    return getNamed(this.boards.core, `/api/tasks/${task}/comments`, { limit: PAGE, cursor });
  }

  private async loadActivity({ board, task }: Open, cursor?: string): Promise<ActivityPage> {
    let page: ActivityPage = { items: [], next: cursor ?? null, people: [] };
    for (let turn = 0; turn < EMPTY_PAGES; turn += 1) {
      const query = { task, limit: PAGE, cursor: page.next ?? undefined };
      page = await getNamed<ActivityPage>(this.boards.core, `/api/boards/${board}/activity`, query);
      if (page.items.length || page.next === null) break;
    }
    return page;
  }

  private of(board: Id): Open[] {
    return [...this.tasks.values()].filter((open) => open.board === board);
  }

  private trim(): void {
    const idle = [...this.tasks.values()].filter((open) => open.count === 0);
    this.drop(idle.slice(0, Math.max(0, idle.length - KEPT)));
  }

  private drop(those: Open[]): void {
    if (!those.length) return;
    const details = { ...this.boards.state.details };
    for (const { task } of those) {
      this.tasks.delete(task);
      delete details[task];
    }
    this.boards.update({ details });
  }

  /** Known by its command alone. */
  private isPending({ board, task }: Open): boolean {
    return this.boards.opsOf(board).some((op) => op.event === "task.create" && op.key === task);
  }

  private show(open: Open, ops: Op[] = this.boards.opsOf(open.board)): void {
    const before = this.boards.state.details[open.task];
    const shown = this.detailOf(open, ops);
    if (before && sameFields(before, shown)) return;
    this.boards.update({ details: { ...this.boards.state.details, [open.task]: shown } });
  }

  private detailOf(open: Open, ops: Op[]): TaskDetail {
    const { board, task: id, whole, error } = open;
    const before = this.boards.state.details[id];
    if (!whole) {
      const op = ops.find(({ key }) => key === id);
      const card = this.boards.state.boards[board]?.data?.tasks[id] ?? before?.card ?? null;
      const description = String(op?.args.description ?? "");
      return { ...EMPTY, card, description, loading: !error && !op, error };
    }
    const about = ops.filter((op) => op.event.startsWith("comment.") || tasksOf(op).includes(id));
    const { task, comments } = applyToWhole(whole, about);
    const card = cardOf(task);
    return {
      loading: false,
      error,
      card: before?.card && sameFields(before.card, card) ? before.card : card,
      description: task.description,
      checklist: task.checklist,
      comments,
      moreComments: open.olderComments !== null,
      activity: open.activity,
      moreActivity: open.olderActivity,
    };
  }
}

function start(board: Id, task: Id): Open {
  return {
    board,
    task,
    whole: null,
    olderComments: null,
    activity: [],
    olderActivity: null,
    count: 0,
    error: null,
    recording: null,
  };
}

function bring(open: Open, entries: Entry[]): void {
  if (!open.whole) return;
  open.whole = entries.reduce(reduceWhole, open.whole);
  const newest = open.activity[0]?.seq ?? 0;
  const fresh = entries.filter((entry) => entry.seq > newest && isAbout(entry, open.task));
  if (fresh.length) open.activity = [...fresh.toReversed(), ...open.activity];
}
