/** What is shown beside single boards: the boards one sees, and one's own tasks. */
import type { Done } from "../outbox";
import type { Command } from "../outbox-store";
import { ApiError } from "../problem";
import type { Entry, Id, Page } from "../wire";
import type { Boards } from "./boards";
import { changeFields, type Op, tasksOf } from "./pending";
import { cardOf, isManager } from "./reduce";
import type { Board, BoardView, Due, MyTasksPage, Right, TaskChange } from "./wire";

const PAGE = 100;
const GATHER_MS = 500;

export class Overview {
  private readonly boards: Boards;
  private readonly planned = new Map<string, ReturnType<typeof setTimeout>>();
  /** As the server gave it. */
  private mine: MyTasksPage | null = null;
  private mineTurn = 0;

  constructor(boards: Boards) {
    this.boards = boards;
  }

  async loadIndex(): Promise<void> {
    const views = await this.pages({ archived: "false" });
    this.boards.update({ index: Object.fromEntries(views.map((view) => [view.id, view])) });
  }

  archived(): Promise<BoardView[]> {
    return this.pages({ archived: "true" });
  }

  /** A board as it is now; one that is archived or gone is not listed. */
  putView(view: Board & Partial<BoardView>): void {
    const { index } = this.boards.state;
    if (!index) return;
    const known = index[view.id];
    const { [view.id]: _before, ...others } = index;
    const { id, name, room, shown_to, created_by, created_at, archived } = view;
    const board = { id, name, room, shown_to, created_by, created_at, archived };
    const right = view.right ?? known?.right;
    if (archived || !right) this.boards.update({ index: others });
    else {
      const next = { ...known, ...board, right, head: view.head ?? known?.head ?? 0 };
      this.boards.update({ index: { ...index, [id]: next } });
    }
  }

  drop(board: Id): void {
    const { index } = this.boards.state;
    if (!index?.[board]) return;
    const { [board]: _gone, ...others } = index;
    this.boards.update({ index: others });
  }

  clear(): void {
    for (const timer of this.planned.values()) clearTimeout(timer);
    this.planned.clear();
    this.mine = null;
    this.mineTurn += 1;
  }

  /** An entry of a board's stream. */
  told(entry: Entry): void {
    if (/^board\.(changed|archived|restored)$/.test(entry.kind)) {
      const right = this.boards.confirmed(entry.stream)?.data.right;
      this.putView({ ...(entry.data as Board), ...(right ? { right } : {}) });
    }
  }

  /** An entry of another stream. */
  heard(entry: Entry): void {
    const { me } = this.boards.core.state;
    if (entry.stream !== me?.id) return;
    if (entry.kind === "board.member_set" || entry.kind === "board.member_removed") {
      const { board, right } = entry.data as { board: Id; right: Right | null };
      if (right !== null) this.boards.granted(board);
      const known = this.boards.state.index?.[board];
      if (right === null && me && !isManager(me.role)) this.drop(board);
      else if (known && right && me && !isManager(me.role)) this.putView({ ...known, right });
      else if (this.boards.state.index) this.plan("index", () => this.loadIndex());
    }
    if (entry.kind === "task.assigned" || entry.kind === "task.unassigned") this.planMine();
  }

  /** A command was acknowledged: one's own tasks may be others now. */
  answered(command: Command, { task, tasks }: Done): void {
    if (!this.mine || !command.event.startsWith("task")) return;
    const told = new Map([...(task ? [cardOf(task)] : []), ...(tasks?.tasks ?? [])].map((card) => [card.id, card]));
    const items = this.mine.items.map((card) => told.get(card.id) ?? card).filter((card) => !card.archived);
    this.mine = { ...this.mine, items };
    this.planMine();
  }

  /** What waits for a board is another. */
  changed(): void {
    if (this.mine) this.showMine();
  }

  async loadMine(due: Due | "all"): Promise<void> {
    const turn = ++this.mineTurn;
    const before = this.boards.state.mine;
    const page = before?.due === due ? before.page : { items: [], next: null };
    this.boards.update({ mine: { due, page, loading: true, error: null } });
    try {
      const loaded = await this.minePage(due, Math.max(50, Math.min(PAGE, page.items.length)));
      if (turn !== this.mineTurn) return;
      this.mine = loaded;
      this.boards.update({ mine: { due, page: loaded, loading: false, error: null } });
      this.showMine();
    } catch (error) {
      if (turn !== this.mineTurn) return;
      const message = error instanceof ApiError ? error.message : "Your tasks can't be loaded. Try again.";
      this.boards.update({ mine: { due, page, loading: false, error: message } });
    }
  }

  async loadMoreMine(): Promise<void> {
    const { mine: shown } = this.boards.state;
    const { mine, mineTurn } = this;
    if (!shown || !mine?.next || shown.loading) return;
    this.boards.update({ mine: { ...shown, loading: true } });
    try {
      const more = await this.minePage(shown.due, 50, mine.next);
      if (mineTurn !== this.mineTurn) return;
      const known = new Set(mine.items.map(({ id }) => id));
      const items = [...mine.items, ...more.items.filter(({ id }) => !known.has(id))];
      this.mine = { ...mine, items, next: more.next };
    } finally {
      if (mineTurn === this.mineTurn) {
        const { mine: now } = this.boards.state;
        if (now) this.boards.update({ mine: { ...now, loading: false } });
        this.showMine();
      }
    }
  }

  private planMine(): void {
    const { mine } = this.boards.state;
    if (mine) this.plan("mine", () => this.loadMine(this.boards.state.mine?.due ?? "all"));
  }

  private showMine(): void {
    const { mine: shown } = this.boards.state;
    if (!shown || !this.mine) return;
    const ops = new Map<Id, Op[]>();
    const items = this.mine.items.flatMap((card) => {
      const waiting = ops.get(card.board) ?? this.boards.opsOf(card.board);
      ops.set(card.board, waiting);
      const about = waiting.filter((op) => tasksOf(op).includes(card.id));
      if (about.some((op) => op.event.endsWith(".archive"))) return [];
      const changes = about.filter((op) => op.event === "task.change");
      return [changes.reduce((one, op) => changeFields(one, op.args as TaskChange), card)];
    });
    this.boards.update({ mine: { ...shown, page: { ...this.mine, items } } });
  }

  private minePage(due: Due | "all", limit: number, cursor?: string): Promise<MyTasksPage> {
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    const query = { due: due === "all" ? undefined : due, zone: timeZone, limit, cursor };
    return this.boards.core.api.get("/api/tasks/mine", query);
  }

  private async pages(query: Record<string, string>): Promise<BoardView[]> {
    const views: BoardView[] = [];
    let cursor: string | undefined;
    do {
      const page: Page<BoardView> = await this.boards.core.api.get("/api/boards", { ...query, limit: PAGE, cursor });
      views.push(...page.items);
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    return views;
  }

  private plan(what: string, work: () => Promise<unknown>): void {
    if (this.planned.has(what)) return;
    const run = () => {
      this.planned.delete(what);
      work().catch(() => {});
    };
    this.planned.set(what, setTimeout(run, GATHER_MS));
  }
}
