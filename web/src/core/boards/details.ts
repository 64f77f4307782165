/** Tasks that are open: loaded whole, kept up to date by their board's entries, shown with one's own commands. */
import { ApiError } from "../problem";
import type { Entry, Id, Page } from "../wire";
import type { Boards } from "./boards";
import { type Op, tasksOf } from "./pending";
import { cardOf, isAbout } from "./reduce";
import type { TaskDetail } from "./store";
import { applyToWhole, reduceWhole, type WholeTask } from "./task-detail";
import type { ActivityPage, ChecklistItem, Comment, Task } from "./wire";

const PAGE = 30;
const ATTEMPTS = 4;
const LAG_MS = 250;
/** Pages of activity that may be empty in a row. */
const EMPTY_PAGES = 5;

interface Open {
  readonly board: Id;
  readonly task: Id;
  whole: WholeTask | null;
  olderComments: string | null;
  activity: Entry[];
  olderActivity: string | null;
  count: number;
  error: string | null;
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
    const known = this.tasks.get(task);
    const open: Open = known ?? {
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
    open.count += 1;
    if (!known) {
      this.tasks.set(task, open);
      this.show(open);
      // What is not confirmed yet is known by its command alone.
      if (!this.pendingOp(open)) void this.load(open);
    }
    let left = false;
    return () => {
      if (left) return;
      left = true;
      open.count -= 1;
      if (open.count > 0 || this.tasks.get(task) !== open) return;
      this.tasks.delete(task);
      const { [task]: _closed, ...details } = this.boards.state.details;
      this.boards.update({ details });
    };
  }

  /** Whatever is open of a board, afresh. */
  refresh(board: Id): void {
    for (const open of this.tasks.values()) if (open.board === board && open.whole) void this.load(open);
  }

  clear(): void {
    this.tasks.clear();
  }

  /** Entries of boards, once each. */
  apply(entries: Entry[]): void {
    for (const open of this.tasks.values()) {
      const own = entries.filter((entry) => entry.stream === open.board);
      open.recording?.push(...own);
      this.bring(open, own);
    }
  }

  publish(board: Id, ops: Op[]): void {
    for (const open of this.tasks.values()) if (open.board === board) this.show(open, ops);
  }

  /** A task's checklist as it is shown, if it is open. */
  checklistOf(task: Id): ChecklistItem[] | undefined {
    return this.tasks.get(task)?.whole ? this.boards.state.details[task]?.checklist : undefined;
  }

  /** The item that an answered command added. */
  freshItem(task: Id, text: string, checklist: ChecklistItem[]): ChecklistItem | undefined {
    const whole = this.tasks.get(task)?.whole;
    const known = new Set(whole?.task.checklist.map((item) => item.id));
    const { keys } = this.boards.state;
    return whole
      ? checklist.find((item) => !known.has(item.id) && !keys[item.id] && item.text === text.trim())
      : undefined;
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
    const { api } = this.boards.core;
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, LAG_MS * 2 ** attempt));
        const recording: Entry[] = [];
        open.recording = recording;
        const floor = this.boards.confirmed(open.board)?.data.tasks[open.task]?.version ?? 0;
        const [task, comments, activity] = await Promise.all([
          api.get<Task>(`/api/tasks/${open.task}`),
          this.loadComments(open.task),
          this.loadActivity(open),
        ]);
        if (open.recording !== recording || this.tasks.get(open.task) !== open) return;
        open.recording = null;
        // A copy of the database may lag behind what has been applied.
        if (task.version < floor) continue;
        open.whole = { task, comments: comments.items.toReversed() };
        open.olderComments = comments.next;
        open.activity = activity.items;
        open.olderActivity = activity.next;
        open.error = null;
        this.bring(open, recording);
        break;
      }
    } catch (error) {
      open.error = error instanceof ApiError ? error.message : "The task can't be loaded. Try again.";
    }
    if (this.tasks.get(open.task) === open) this.boards.refreshShown(open.board, () => this.show(open));
  }

  private bring(open: Open, entries: Entry[]): void {
    if (!open.whole) return;
    open.whole = entries.reduce(reduceWhole, open.whole);
    const newest = open.activity[0]?.seq ?? 0;
    const fresh = entries.filter((entry) => entry.seq > newest && isAbout(entry, open.task));
    if (fresh.length) open.activity = [...fresh.toReversed(), ...open.activity];
  }

  private loadComments(task: Id, cursor?: string): Promise<Page<Comment>> {
    return this.boards.core.api.get(`/api/tasks/${task}/comments`, { limit: PAGE, cursor });
  }

  private async loadActivity({ board, task }: Open, cursor?: string): Promise<ActivityPage> {
    let page: ActivityPage = { items: [], next: cursor ?? null };
    for (let turn = 0; turn < EMPTY_PAGES; turn += 1) {
      const query = { task, limit: PAGE, cursor: page.next ?? undefined };
      page = await this.boards.core.api.get<ActivityPage>(`/api/boards/${board}/activity`, query);
      if (page.items.length || page.next === null) break;
    }
    return page;
  }

  private pendingOp({ board, task }: Open): Op | undefined {
    return this.boards.opsOf(board).find((op) => op.event === "task.create" && !op.done && op.key === task);
  }

  private show(open: Open, ops: Op[] = this.boards.opsOf(open.board)): void {
    const before = this.boards.state.details[open.task];
    const shown = this.detailOf(open, ops);
    if (before && Object.entries(shown).every(([name, value]) => before[name as keyof TaskDetail] === value)) return;
    this.boards.update({ details: { ...this.boards.state.details, [open.task]: shown } });
  }

  private detailOf(open: Open, ops: Op[]): TaskDetail {
    if (!open.whole) {
      const card = this.boards.state.boards[open.board]?.data?.tasks[open.task] ?? null;
      const op = ops.find(({ key }) => key === open.task);
      const description = String(op?.args.description ?? "");
      return { ...EMPTY, card, description, loading: open.error === null && !op, error: open.error };
    }
    const about = ops.filter((op) => op.event.startsWith("comment.") || tasksOf(op).includes(open.task));
    const { task, comments } = applyToWhole(open.whole, about);
    const before = this.boards.state.details[open.task];
    const card = cardOf(task);
    return {
      loading: false,
      error: open.error,
      card: before?.card && JSON.stringify(before.card) === JSON.stringify(card) ? before.card : card,
      description: task.description,
      checklist: task.checklist,
      comments,
      moreComments: open.olderComments !== null,
      activity: open.activity,
      moreActivity: open.olderActivity,
    };
  }
}
