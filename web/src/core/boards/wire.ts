/** Boards in the contract (docs/api.md). Times are RFC 3339 UTC strings. */
import type { Entry, Id } from "../wire";

export type Right = "manage" | "edit" | "comment" | "view";
export type Status = "open" | "doing" | "done";
export type Priority = "low" | "medium" | "high";
export type Colour = "grey" | "red" | "orange" | "yellow" | "green" | "teal" | "blue" | "purple" | "pink";

export interface Board {
  /** Also the id of the stream of colleagues. */
  id: Id;
  name: string;
  room: Id | null;
  shown_to: "colleagues" | "members";
  created_by: Id;
  created_at: string;
  archived: boolean;
}

/** A board in `GET /api/boards`. */
export interface BoardView extends Board {
  /** The caller's. */
  right: Right;
  head: number;
}

/** Somebody whose name may not be known from elsewhere. */
export interface Named {
  user: Id;
  name: string;
}

export interface BoardMember extends Named {
  right: Right;
}

export interface BoardList {
  id: Id;
  board: Id;
  name: string;
  rank: string;
  status: Status | null;
  /** Whether clients and guests see it. */
  shown_outside: boolean;
  archived: boolean;
}

export interface Label {
  id: Id;
  board: Id;
  name: string;
  colour: Colour;
}

export type Weekday = "mon" | "tue" | "wed" | "thu" | "fri" | "sat" | "sun";

/** When a done task comes again. */
export interface Repeat {
  every: number;
  unit: "day" | "week" | "month" | "year";
  /** Of a week. */
  days?: Weekday[];
  /** Of a month, also of a year's; follows the due date. */
  day?: number;
  /** IANA name: the day and the time are meant there. */
  zone?: string;
}

/** A task as lists have it. */
export interface Card {
  id: Id;
  board: Id;
  list: Id;
  rank: string;
  title: string;
  /** It has a description. */
  described: boolean;
  /** Its own: it counts where its list has none. */
  status: Status | null;
  priority: Priority | null;
  due_at: string | null;
  /** A date without a time is sent as its midnight, UTC, and is that day everywhere. */
  due_has_time: boolean;
  repeat?: Repeat | null;
  created_by: Id;
  created_at: string;
  changed_at: string;
  archived: boolean;
  /** The message it was made from. */
  message: Id | null;
  /** Grows by one with each change. */
  version: number;
  assignees: Id[];
  labels: Id[];
  items: number;
  items_done: number;
  comments: number;
}

export interface ChecklistItem {
  id: Id;
  text: string;
  done: boolean;
  rank: string;
}

/** A task by itself. */
export interface Task extends Card {
  description: string;
  checklist: ChecklistItem[];
}

export interface Comment {
  id: Id;
  task: Id;
  author: Id;
  body: string;
  created_at: string;
  edited_at: string | null;
  deleted: boolean;
  mentions?: Id[];
}

/** `GET /api/boards/{id}?first=`. */
export interface BoardPage extends BoardView {
  /** To be followed from `head` on: clients and guests have one of their own where they do not see every list. */
  stream: Id;
  members: BoardMember[];
  /** Those who made or have its tasks and are no members. */
  people: Named[];
  labels: Label[];
  lists: (BoardList & { total: number; tasks: Card[] })[];
}

/** Fields of a task that can be given; null takes away. */
export interface TaskChange {
  title?: string;
  description?: string;
  /** In a list that has a status, another one moves the task into a list that has that. */
  status?: Status | null;
  priority?: Priority | null;
  due_at?: string | null;
  due_has_time?: boolean;
  repeat?: Repeat | null;
  assignees?: Id[];
  labels?: Id[];
}

/** `after`: the task to stand behind; null is the front, left out the end. */
export interface NewTask extends TaskChange {
  list: Id;
  title: string;
  after?: Id | null;
  message?: Id;
}

/** What the socket's ack of a command tells, next to its `seq`. */
export interface BoardAnswer {
  task?: Task;
  move?: Move;
  tasks?: { moves?: Move[]; tasks?: Card[] };
  checklist?: { task: Id; checklist: ChecklistItem[]; version: number };
  comment?: Comment;
}

/** Where a task was moved to. */
export interface Move {
  task: Id;
  list: Id;
  rank: string;
  version: number;
  /** Its own status ended, as the list has one. */
  status?: null;
}

export type Due = "today" | "week" | "overdue" | "none";

export interface MyTasksPage {
  items: Card[];
  next: string | null;
  /** Only on the first page. */
  totals?: { all: number; overdue: number; today: number; week: number; none: number };
}

export interface ActivityPage {
  /** Newest first; may be fewer than asked for and still have a `next`. */
  items: Entry[];
  next: string | null;
  people: Named[];
}

/** `GET /api/tasks/{id}/comments`. */
export interface CommentsPage {
  /** Newest first. */
  items: Comment[];
  next: string | null;
  people: Named[];
}

/** A task made from a message of a room, as far as the caller may see its board. */
export interface LinkedTask {
  task: Id;
  board: Id;
  message: Id;
  title: string;
  status: Status | null;
  archived: boolean;
}

/** Who opened a board sends `look` and others get it as a signal of this kind on the board's stream. */
export interface Looking {
  /** The open task, or null for the board alone. */
  task: Id | null;
  /** False: gone. */
  on: boolean;
}
