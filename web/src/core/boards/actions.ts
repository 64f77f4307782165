/** The verbs of boards. Tasks go through the outbox; lists, labels and rights, which change seldom, over HTTP. */
import { freshKey } from "../ids";
import type { Id, Message } from "../wire";
import type { Boards } from "./boards";
import { getNamed } from "./people";
import type { BoardActions } from "./store";
import type { ActivityPage, BoardList, BoardView, Card, Label } from "./wire";

/** In one command. */
const MOST_AT_ONCE = 100;
const MOST_FOUND = 50;

export function makeActions(boards: Boards): BoardActions {
  return { ...ofBoards(boards), ...ofTasks(boards), ...ofCalendar(boards) };
}

type OfCalendar = Pick<BoardActions, "calendarLink" | "makeCalendarLink" | "revokeCalendarLink">;
type OfTasks = Pick<
  BoardActions,
  | "createTask"
  | "changeTask"
  | "moveTasks"
  | "archiveTasks"
  | "restoreTask"
  | "addItem"
  | "changeItem"
  | "removeItem"
  | "addComment"
  | "editComment"
  | "deleteComment"
  | "openTask"
  | "loadOlderComments"
  | "loadOlderActivity"
  | "findTasks"
>;

function ofTasks(boards: Boards): OfTasks {
  const { details } = boards;
  const send = async (...command: Parameters<Boards["sending"]["send"]>): Promise<void> => {
    await boards.sending.send(...command);
  };
  const named = (id: Id) => boards.state.made[id] ?? id;
  return {
    async createTask(board, task) {
      const { task: made } = await boards.sending.send("task.create", board, { board, ...task });
      return made?.id ?? "";
    },
    changeTask: (board, task, change) => send("task.change", board, { task, ...change }),
    async moveTasks(board, tasks, list, after) {
      const [only] = tasks;
      const place = after === undefined ? { list } : { list, after };
      if (tasks.length === 1) await send("task.move", board, { task: only, ...place });
      else {
        const moves = chunks(tasks).map((some, at, all) => {
          // Each goes behind the one before it.
          const behind = at > 0 && after !== undefined ? { list, after: all[at - 1]?.at(-1) } : place;
          return send("tasks.move", board, { board, tasks: some, ...behind });
        });
        await Promise.all(moves);
      }
    },
    async archiveTasks(board, tasks) {
      const [only] = tasks;
      if (tasks.length === 1) await send("task.archive", board, { task: only });
      else await Promise.all(chunks(tasks).map((some) => send("tasks.archive", board, { board, tasks: some })));
    },
    restoreTask: (board, task) => send("task.restore", board, { task }),
    addItem: (board, task, text) => send("checklist.add", board, { task, text }),
    changeItem: (board, task, item, change) => send("checklist.change", board, { task, item, ...change }),
    removeItem: (board, task, item) => send("checklist.remove", board, { task, item }),
    addComment: (board, task, body) => send("comment.add", board, { task, body }),
    editComment: (board, comment, body) => send("comment.edit", board, { comment, body }),
    deleteComment: (board, comment) => send("comment.delete", board, { comment }),

    openTask: (board, task) => details.open(board, named(task)),
    loadOlderComments: (task) => details.olderComments(named(task)),
    loadOlderActivity: (task) => details.olderActivity(named(task)),
    async findTasks(board, text, archived = false) {
      const query = { text, archived: String(archived), sort: "changed", limit: MOST_FOUND };
      return (await boards.core.api.get<{ items: Card[] }>(`/api/boards/${board}/tasks`, query)).items;
    },
  };
}

function chunks(tasks: Id[]): Id[][] {
  const count = Math.ceil(tasks.length / MOST_AT_ONCE);
  return Array.from({ length: count }, (_, at) => tasks.slice(at * MOST_AT_ONCE, (at + 1) * MOST_AT_ONCE));
}

function ofBoards(boards: Boards): Omit<BoardActions, keyof OfTasks | keyof OfCalendar> {
  const { overview, looking } = boards;
  const { api } = boards.core;
  return {
    loadIndex: () => overview.loadIndex(),
    async createBoard(form) {
      const made = await api.send<BoardView>("POST", "/api/boards", form);
      const view = { ...made, head: 0 };
      overview.putView(view);
      return view;
    },
    async changeBoard(board, change) {
      overview.putView(await api.send<BoardView>("PATCH", `/api/boards/${board}`, change));
    },
    archivedBoards: () => overview.archived(),

    openBoard: (board) => boards.open(board),
    retryBoard: (board) => boards.retry(board),
    lookAt: (board, task) => looking.look(board, task === null ? null : (boards.state.made[task] ?? task)),

    async setMember(board, user, right) {
      await api.send("POST", `/api/boards/${board}/members`, { user, right });
    },
    async removeMember(board, user) {
      await api.send("DELETE", `/api/boards/${board}/members/${user}`);
    },

    async createList(board, form) {
      await api.send("POST", `/api/boards/${board}/lists`, form);
    },
    async changeList(list, change) {
      await api.send("PATCH", `/api/lists/${list}`, change);
    },
    moveList: (board, list, after) => moveList(boards, board, list, after),
    async archiveList(list) {
      await api.send("POST", `/api/lists/${list}/archive`);
    },
    async restoreList(list) {
      await api.send("POST", `/api/lists/${list}/restore`);
    },
    async archivedLists(board) {
      return (await api.get<{ items: BoardList[] }>(`/api/boards/${board}/lists`, { archived: "true" })).items;
    },

    async listsOf(board) {
      return (await api.get<{ items: BoardList[] }>(`/api/boards/${board}/lists`)).items;
    },

    createLabel: (board, form) => api.send<Label>("POST", `/api/boards/${board}/labels`, form),
    async changeLabel(board, label, change) {
      await api.send("PATCH", `/api/boards/${board}/labels/${label}`, change);
    },
    async removeLabel(board, label) {
      await api.send("DELETE", `/api/boards/${board}/labels/${label}`);
    },

    findMessage: (message) => api.get<Message>(`/api/messages/${message}`),
    loadMine: (due) => overview.loadMine(due),
    loadMoreMine: () => overview.loadMoreMine(),
    activity: (board, cursor, actor) =>
      getNamed<ActivityPage>(boards.core, `/api/boards/${board}/activity`, { limit: 50, cursor, actor }),
  };
}

async function moveList(boards: Boards, board: Id, list: Id, after: Id | null): Promise<void> {
  const { core } = boards;
  const key = freshKey();
  const op = {
    key,
    event: "list.move" as const,
    args: { list, after },
    user: core.state.me?.id ?? "",
    at: new Date().toISOString(),
    done: null,
  };
  await boards.sending.during(board, op, async () => {
    const moved = await core.api.send<BoardList>("POST", `/api/lists/${list}/move`, { after }, key);
    // Nothing is told of a list that stands where it stood.
    return boards.confirmed(board)?.data.lists.find(({ id }) => id === list)?.rank === moved.rank;
  });
}

function ofCalendar(boards: Boards): OfCalendar {
  const { api } = boards.core;
  return {
    calendarLink: () => api.get("/api/me/calendar"),
    makeCalendarLink: () => api.send("POST", "/api/me/calendar"),
    async revokeCalendarLink() {
      await api.send("DELETE", "/api/me/calendar");
    },
  };
}
