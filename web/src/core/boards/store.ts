/**
 * The seam between what knows the server (core/boards) and what draws (ui/boards): what is shown of boards, and the verbs.
 *
 * A board is shown as the log has it, with the commands still in the outbox applied on top: so a move is seen at once,
 * survives a lost connection and a reload of the page, and is corrected by the entry that carries it out or the refusal.
 */
import type { Entry, Id, Message } from "../wire";
import type {
  Board,
  BoardList,
  BoardMember,
  BoardView,
  Card,
  ChecklistItem,
  Comment,
  Due,
  Label,
  MyTasksPage,
  NewTask,
  Right,
  Status,
  TaskChange,
} from "./wire";

/** A board with everything on it that is not archived. Parts that did not change stay the same objects. */
export interface BoardData {
  board: Board;
  right: Right;
  members: BoardMember[];
  /** By name. */
  labels: Record<Id, Label>;
  /** In their order. */
  lists: BoardList[];
  /** Tasks not yet confirmed have their outbox key as id. */
  tasks: Record<Id, Card>;
  /** List → its tasks in their order. */
  order: Record<Id, Id[]>;
}

export interface BoardState {
  loading: boolean;
  /** The long lists are still on their way: only the first tasks of each are here. */
  partial: boolean;
  /** Why it can't be shown: one sentence. */
  error: string | null;
  /** It is gone, or the right to see it is. */
  gone: boolean;
  data: BoardData | null;
  /** Tasks with a command still on its way → how many. */
  pending: Record<Id, number>;
  /** Others who look at the board now → the task they look at, or null. */
  looking: Record<Id, Id | null>;
  /** Task → who moved or changed it last from elsewhere, and when (ms): for the short highlight. */
  touched: Record<Id, { by: Id; at: number }>;
}

export interface TaskDetail {
  loading: boolean;
  error: string | null;
  /** Also of an archived task. */
  card: Card | null;
  description: string;
  checklist: ChecklistItem[];
  /** Oldest first. */
  comments: Comment[];
  moreComments: boolean;
  /** Newest first: entries of the board's stream about this task. */
  activity: Entry[];
  moreActivity: string | null;
}

export interface BoardsState {
  /** The boards one sees, by id; null until loaded. */
  index: Record<Id, BoardView> | null;
  boards: Record<Id, BoardState>;
  details: Record<Id, TaskDetail>;
  /** "My tasks" by filter; null until asked. */
  mine: { due: Due | "all"; page: MyTasksPage; loading: boolean; error: string | null } | null;
  /** What was asked for before the page was loaded again, and has been refused since: why. To be told once. */
  refused: { board: Id; why: string } | null;
  /**
   * A task or comment not yet confirmed has its outbox key as id; once it is confirmed it has the server's. Every verb
   * takes either. For what must not change with it (a React key, a focus, a selection, an open panel):
   * `keys[id] ?? id` is the same before and after, and `made[key]` is the id that came for a key.
   */
  keys: Record<Id, string>;
  made: Record<string, Id>;
}

/** Verbs that change something reject with `ApiError`, whose `message` is fit to be shown, when the server refuses. */
export interface BoardActions {
  loadIndex(): Promise<void>;
  createBoard(form: {
    name: string;
    lists?: readonly { name: string; status?: Status | null }[];
    shown_to?: Board["shown_to"];
    room?: Id;
  }): Promise<BoardView>;
  changeBoard(
    board: Id,
    change: { name?: string; room?: Id | null; shown_to?: Board["shown_to"]; archived?: boolean },
  ): Promise<void>;
  archivedBoards(): Promise<BoardView[]>;

  /** Loads and follows it, and tells others that one looks; gives back how to leave. */
  openBoard(board: Id): () => void;
  retryBoard(board: Id): void;
  /** Which task one looks at, or null. */
  lookAt(board: Id, task: Id | null): void;

  setMember(board: Id, user: Id, right: Right): Promise<void>;
  removeMember(board: Id, user: Id): Promise<void>;

  createList(board: Id, form: { name: string; status?: Status | null; after?: Id | null }): Promise<void>;
  changeList(list: Id, change: { name?: string; status?: Status | null; shown_outside?: boolean }): Promise<void>;
  /** Shown at once. */
  moveList(board: Id, list: Id, after: Id | null): Promise<void>;
  archiveList(list: Id): Promise<void>;
  restoreList(list: Id): Promise<void>;
  archivedLists(board: Id): Promise<BoardList[]>;
  /** Those that are not archived, also of a board that is not open. */
  listsOf(board: Id): Promise<BoardList[]>;

  createLabel(board: Id, form: { name: string; colour: Label["colour"] }): Promise<Label>;
  changeLabel(board: Id, label: Id, change: { name?: string; colour?: Label["colour"] }): Promise<void>;
  removeLabel(board: Id, label: Id): Promise<void>;

  /** Through the outbox and shown at once, like the next five; resolves with the task's id when it is confirmed. */
  createTask(board: Id, task: NewTask): Promise<Id>;
  changeTask(board: Id, task: Id, change: TaskChange): Promise<void>;
  /** In this order behind `after` (null: in front; left out: at the end). One or many. */
  moveTasks(board: Id, tasks: Id[], list: Id, after?: Id | null): Promise<void>;
  archiveTasks(board: Id, tasks: Id[]): Promise<void>;
  restoreTask(board: Id, task: Id): Promise<void>;
  addItem(board: Id, task: Id, text: string): Promise<void>;
  changeItem(
    board: Id,
    task: Id,
    item: Id,
    change: { text?: string; done?: boolean; after?: Id | null },
  ): Promise<void>;
  removeItem(board: Id, task: Id, item: Id): Promise<void>;
  addComment(board: Id, task: Id, body: string): Promise<void>;
  editComment(board: Id, comment: Id, body: string): Promise<void>;
  deleteComment(board: Id, comment: Id): Promise<void>;

  /** Loads the whole task; kept up to date while its board is open. Gives back how to leave. */
  openTask(board: Id, task: Id): () => void;
  loadOlderComments(task: Id): Promise<void>;
  loadOlderActivity(task: Id): Promise<void>;
  /** Tasks of a board by words in title or description, also archived ones. */
  findTasks(board: Id, text: string, archived?: boolean): Promise<Card[]>;

  /** The message a task was made from. */
  findMessage(message: Id): Promise<Message>;

  loadMine(due: Due | "all"): Promise<void>;
  loadMoreMine(): Promise<void>;

  /** What happened on the whole board, newest first. */
  activity(board: Id, cursor?: string, actor?: Id): Promise<{ items: Entry[]; next: string | null }>;

  calendarLink(): Promise<{ url: string | null; created_at: string | null }>;
  makeCalendarLink(): Promise<{ url: string; created_at: string }>;
  revokeCalendarLink(): Promise<void>;
}
