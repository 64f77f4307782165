import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fromPage } from "../../../src/core/boards/reduce";
import { actOn } from "./acts";
import { BoardServer, stop, type Tab } from "./fake-boards";
import { BOARD } from "./model";

const running: Tab[] = [];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"] });
});

afterEach(() => {
  for (const page of running.splice(0)) stop(page);
  vi.useRealTimers();
  localStorage.clear();
});

const settle = (ms = 100) => vi.advanceTimersByTimeAsync(ms);

function server(tasks = 4): BoardServer {
  const made = new BoardServer();
  for (let turn = 0; turn < tasks; turn += 1) actOn(made.model, "ann", { kind: "create", one: turn, two: 0 });
  return made;
}

async function visit(on: BoardServer): Promise<Tab> {
  const page = on.tab();
  running.push(page);
  await page.actions.start();
  await settle();
  page.boardActions.openBoard(BOARD);
  await settle();
  return page;
}

const state = (page: Tab) => page.useBoards.getState().boards[BOARD];
const data = (page: Tab) => {
  const shown = state(page)?.data;
  if (!shown) throw new Error("nothing is shown");
  return shown;
};
const lists = (page: Tab) => data(page).lists.map(({ id }) => id) as [string, string, string];
const titles = (page: Tab, list: string) => data(page).order[list]?.map((task) => data(page).tasks[task]?.title);
const same = (page: Tab, on: BoardServer) => expect(data(page)).toEqual(fromPage(on.model.page()).data);

describe("a status", () => {
  it("is shown at once: the task's own, or that of another list", async () => {
    const on = server(2);
    const page = await visit(on);
    const [first, , last] = lists(page);
    const [one = "", two = ""] = data(page).order[first] ?? [];
    const set = async (task: string) => {
      const sent = page.boardActions.changeTask(BOARD, task, { status: "done" });
      const shown = data(page).tasks[task];
      await settle();
      await sent;
      same(page, on);
      return [shown?.list, shown?.status];
    };
    expect(await set(one)).toEqual([first, "done"]);
    on.model.changeList("ann", first, { status: "open" }, "list.changed");
    on.model.changeList("ann", last, { status: "done" }, "list.changed");
    await settle();
    expect(await set(two)).toEqual([last, null]);
  });
});

describe("a board", () => {
  it("is loaded in two steps when it is long, and misses nothing of what happens meanwhile", async () => {
    const on = server(80);
    let go = () => {};
    on.hold = (path) =>
      path.includes("first=10000")
        ? new Promise<void>((resolve) => {
            go = resolve;
          })
        : undefined;
    const page = await visit(on);
    const [first] = lists(page);
    expect(data(page).order[first]).toHaveLength(50);
    expect(state(page)?.partial).toBe(true);
    actOn(on.model, "ann", { kind: "create", one: 500, two: 0 });
    const last = on.model.page().lists[0]?.tasks.at(-2);
    on.model.run("ann", () => on.model.command("ann", "task.move", { task: last?.id, list: first, after: null }));
    await settle();
    expect(data(page).order[first]).toHaveLength(51);
    go();
    await settle();
    expect(state(page)?.partial).toBe(false);
    same(page, on);
  });

  it("is loaded afresh after a reset", async () => {
    const on = server();
    const page = await visit(on);
    on.silent = true;
    for (let turn = 0; turn < 5; turn += 1) actOn(on.model, "ann", { kind: "create", one: turn, two: 1 });
    on.silent = false;
    on.socket.push("reset", { stream: BOARD, head: on.head(BOARD), reason: "too_old" });
    await settle();
    same(page, on);
    actOn(on.model, "ann", { kind: "create", one: 9, two: 1 });
    await settle();
    same(page, on);
  });

  it("is gone when the right to see it is, and comes back with it", async () => {
    const on = server();
    const page = await visit(on);
    await page.boardActions.loadIndex();
    on.closed = true;
    on.socket.push("reset", { stream: BOARD, head: 0, reason: "withdrawn" });
    await settle();
    expect(state(page)).toMatchObject({ gone: true, data: null });
    expect(page.useBoards.getState().index).toEqual({});
    on.closed = false;
    on.append("me", "board.member_set", { board: BOARD, user: "me", right: "view" });
    await settle();
    expect(state(page)?.gone).toBe(false);
    same(page, on);
  });

  it("follows the stream that tells of what it may see now", async () => {
    const on = server();
    const page = await visit(on);
    const [task] = Object.keys(data(page).tasks) as [string];
    page.boardActions.openTask(BOARD, task);
    for (let turn = 0; turn < 2; turn += 1) {
      actOn(on.model, "ann", { kind: "create", one: turn, two: 1 });
      on.divide();
      await settle();
      actOn(on.model, "ann", { kind: "create", one: 5, two: 1 });
      await page.boardActions.addComment(BOARD, task, "Well");
      await settle();
      same(page, on);
      expect(state(page)?.pending).toEqual({});
      expect(page.core.follower.tracked().filter((stream) => stream.startsWith(BOARD))).toEqual([on.model.stream]);
    }
    expect(page.useBoards.getState().details[task]?.comments).toHaveLength(2);
    expect(on.looks.at(-1)).toMatchObject({ board: on.model.stream });
    on.socket.push("entries", [
      { stream: BOARD, seq: 900, kind: "list.archived", actor: "ann", at: new Date().toISOString(), data: {} },
    ]);
    await settle();
    same(page, on);
  });

  it("goes on from where it was when it is opened again", async () => {
    const on = server();
    const page = on.tab();
    running.push(page);
    await page.actions.start();
    await settle();
    const leave = page.boardActions.openBoard(BOARD);
    await settle();
    leave();
    await settle(2_000);
    expect(page.core.follower.cursor(BOARD)).toBeUndefined();
    actOn(on.model, "ann", { kind: "create", one: 7, two: 1 });
    on.asked = [];
    page.boardActions.openBoard(BOARD);
    await settle();
    same(page, on);
    expect(on.asked.filter((path) => path.includes("/api/boards/"))).toEqual([]);
  });

  it("shows for a moment what others moved, and not what one moved oneself", async () => {
    const on = server();
    const page = await visit(on);
    const [, second] = lists(page);
    const [one, two] = Object.keys(data(page).tasks) as [string, string];
    on.model.run("ann", () => on.model.command("ann", "task.move", { task: one, list: second }));
    void page.boardActions.moveTasks(BOARD, [two], second);
    await settle();
    expect(Object.keys(state(page)?.touched ?? {})).toEqual([one]);
    expect(state(page)?.touched[one]?.by).toBe("ann");
  });
});

describe("a command of one's own", () => {
  it("is shown at once and does not jump between its ack and its entry", async () => {
    const on = server();
    const page = await visit(on);
    const [, second] = lists(page);
    const [task] = Object.keys(data(page).tasks) as [string];
    const seen: boolean[] = [];
    page.useBoards.subscribe(() => seen.push(data(page).order[second]?.[0] === task));
    on.silent = true;
    const moved = page.boardActions.moveTasks(BOARD, [task], second, null);
    expect(data(page).order[second]).toEqual([task]);
    expect(state(page)?.pending).toEqual({ [task]: 1 });
    await moved;
    await settle();
    expect(state(page)?.pending).toEqual({ [task]: 1 });
    on.silent = false;
    on.deliver();
    await settle();
    expect(state(page)?.pending).toEqual({});
    expect(seen.length).toBeGreaterThan(1);
    expect(seen.every(Boolean)).toBe(true);
    same(page, on);
  });

  it("is confirmed by its entry when its ack is lost", async () => {
    const on = server(1);
    const page = await visit(on);
    const [first] = lists(page);
    on.losesAcks = true;
    const made = page.boardActions.createTask(BOARD, { list: first, title: "Fresh" });
    await settle();
    expect(on.model.task(await made).title).toBe("Fresh");
    expect(page.core.outbox.list()).toEqual([]);
    same(page, on);
  });

  it("gives its task an id in the place of its key, and those that wait behind it too", async () => {
    const on = server(1);
    const page = await visit(on);
    const [first, second] = lists(page);
    on.socket.drop();
    const made = page.boardActions.createTask(BOARD, { list: first, title: "Fresh" });
    const key = data(page).order[first]?.at(-1) ?? "";
    expect(data(page).tasks[key]?.title).toBe("Fresh");
    void page.boardActions.changeTask(BOARD, key, { title: "Renamed", description: "words" });
    void page.boardActions.moveTasks(BOARD, [key], second);
    void page.boardActions.createTask(BOARD, { list: second, title: "Behind", after: key });
    expect(titles(page, second)).toEqual(["Renamed", "Behind"]);
    await settle(5_000);
    const id = await made;
    expect(on.model.task(id).title).toBe("Renamed");
    expect(page.useBoards.getState()).toMatchObject({ made: { [key]: id } });
    expect(page.useBoards.getState().keys[id]).toBe(key);
    expect(titles(page, second)).toEqual(["Renamed", "Behind"]);
    same(page, on);
    // Who still has the key in hand may use it.
    await page.boardActions.archiveTasks(BOARD, [key]);
    expect(on.model.task(id).archived).toBe(true);
  });

  it("is taken back when it is refused, with what was to be done to its task", async () => {
    const on = server(1);
    const page = await visit(on);
    const [first, second] = lists(page);
    on.refuses = ({ title }) => title === "Fresh";
    const refusals: string[] = [];
    const hear = (work: Promise<unknown>) => work.catch((error: Error) => refusals.push(error.message));
    const all = [hear(page.boardActions.createTask(BOARD, { list: first, title: "Fresh" }))];
    const key = data(page).order[first]?.at(-1) ?? "";
    all.push(hear(page.boardActions.moveTasks(BOARD, [key], second)));
    all.push(hear(page.boardActions.createTask(BOARD, { list: first, title: "Behind", after: key })));
    await settle();
    await Promise.all(all);
    expect(refusals).toEqual(["It is refused.", "It is refused."]);
    expect(titles(page, first)).toEqual(["Task 0", "Behind"]);
    same(page, on);
  });

  it("survives a reload of the page, before and after it was sent, and is done once", async () => {
    const on = server(1);
    const before = await visit(on);
    const [first] = lists(before);
    on.losesAcks = true;
    on.silent = true;
    before.boardActions.createTask(BOARD, { list: first, title: "Sent" }).catch(() => {});
    await settle();
    const key = data(before).order[first]?.at(-1) ?? "";
    before.boardActions.changeTask(BOARD, key, { title: "Renamed" }).catch(() => {});
    await settle();
    stop(before);
    on.socket.disconnect();
    on.silent = false;

    const after = await visit(on);
    expect(titles(after, first)?.at(-1)).toBe("Renamed");
    on.losesAcks = false;
    on.socket.drop();
    await settle(10_000);
    expect(after.core.outbox.list()).toEqual([]);
    expect(titles(after, first)).toEqual(["Task 0", "Renamed"]);
    same(after, on);
  });

  it("that is refused after a reload is told of once", async () => {
    const on = server(1);
    const before = await visit(on);
    const [first] = lists(before);
    on.socket.drop();
    before.boardActions.createTask(BOARD, { list: first, title: "Fresh" }).catch(() => {});
    stop(before);
    on.refuses = () => true;
    const after = await visit(on);
    await settle(5_000);
    expect(after.useBoards.getState().refused).toEqual({ board: BOARD, why: "It is refused." });
    expect(after.core.outbox.list()).toEqual([]);
    same(after, on);
  });

  it("is sent after a reload although no board is looked at", async () => {
    const on = server(1);
    const before = await visit(on);
    const [first] = lists(before);
    on.socket.drop();
    before.boardActions.createTask(BOARD, { list: first, title: "Unsent" }).catch(() => {});
    const key = data(before).order[first]?.at(-1) ?? "";
    before.boardActions.changeTask(BOARD, key, { title: "Renamed" }).catch(() => {});
    stop(before);
    const after = on.client();
    await after.actions.start();
    await settle(5_000);
    expect(on.model.live().map(({ title }) => title)).toEqual(["Task 0", "Renamed"]);
    expect(after.core.outbox.list()).toEqual([]);
    after.core.connection.stop();
    after.core.outbox.close();
  });

  it("moves a list at once", async () => {
    const on = server();
    const page = await visit(on);
    const [first, second, third] = lists(page);
    const moved = page.boardActions.moveList(BOARD, third, null);
    expect(lists(page)).toEqual([third, first, second]);
    await settle();
    await moved;
    expect(lists(page)).toEqual([third, first, second]);
    same(page, on);
    actOn(on.model, "ann", { kind: "move-list", one: 2, two: 0 });
    await settle();
    same(page, on);
  });
});

describe("a task", () => {
  it("is kept up to date while it is open, with one's own comments and items on top", async () => {
    const on = server(2);
    const page = await visit(on);
    const [task] = Object.keys(data(page).tasks) as [string];
    const detail = () => page.useBoards.getState().details[task];
    on.model.run("ann", () => on.model.command("ann", "comment.add", { task, body: "early" }));
    page.boardActions.openTask(BOARD, task);
    expect(detail()?.card?.id).toBe(task);
    await settle();
    expect(detail()?.comments.map(({ body }) => body)).toEqual(["early"]);
    on.silent = true;
    void page.boardActions.addComment(BOARD, task, "mine");
    void page.boardActions.addItem(BOARD, task, "step");
    const item = detail()?.checklist[0]?.id ?? "";
    void page.boardActions.changeItem(BOARD, task, item, { done: true });
    void page.boardActions.changeTask(BOARD, task, { description: "words" });
    const check = () => {
      expect(detail()?.comments.map(({ body }) => body)).toEqual(["early", "mine"]);
      expect(detail()?.checklist.map(({ text, done }) => [text, done])).toEqual([["step", true]]);
      expect(detail()?.description).toBe("words");
      expect(data(page).tasks[task]).toMatchObject({ items: 1, items_done: 1, comments: 2, described: true });
    };
    check();
    await settle();
    check();
    on.silent = false;
    on.deliver();
    await settle();
    check();
    expect(on.model.task(task).checklist).toMatchObject([{ text: "step", done: true }]);
    on.model.run("ann", () => on.model.command("ann", "task.change", { task, title: "Another", description: "" }));
    await settle();
    expect(detail()).toMatchObject({ description: "", card: { title: "Another" } });
    expect(detail()?.activity[0]?.kind).toBe("task.changed");
    same(page, on);
  });

  it("that is not confirmed can be open, and is then the one that was made", async () => {
    const on = server(1);
    const page = await visit(on);
    const [first] = lists(page);
    on.socket.drop();
    void page.boardActions.createTask(BOARD, { list: first, title: "Fresh", description: "words" });
    const key = data(page).order[first]?.at(-1) ?? "";
    const close = page.boardActions.openTask(BOARD, key);
    expect(page.useBoards.getState().details[key]).toMatchObject({ loading: false, description: "words" });
    await settle(5_000);
    const { made, details } = page.useBoards.getState();
    expect(details[key]).toBeUndefined();
    expect(details[made[key] ?? ""]).toMatchObject({ loading: false, card: { title: "Fresh" }, description: "words" });
    close();
  });
});

describe("who is looking", () => {
  it("is told on opening, on change and on leaving, heard of others, answered once, and forgotten", async () => {
    const on = server(1);
    const page = on.tab();
    running.push(page);
    await page.actions.start();
    await settle();
    const leave = page.boardActions.openBoard(BOARD);
    await settle();
    const [task] = Object.keys(data(page).tasks) as [string];
    page.boardActions.lookAt(BOARD, task);
    expect(on.looks.map((look) => look.task)).toEqual([null, task]);
    on.looks = [];
    const hear = (actor: string, look: object) =>
      on.socket.push("signal", { stream: BOARD, kind: "looking", actor, data: look });
    hear("ann", { task, on: true });
    hear("ann", { task, on: true });
    hear("bob", { task: null, on: true });
    expect(state(page)?.looking).toEqual({ ann: task, bob: null });
    await settle(1_100);
    expect(on.looks).toHaveLength(1);
    hear("bob", { task: null, on: false });
    expect(state(page)?.looking).toEqual({ ann: task });
    await settle(41_000);
    expect(state(page)?.looking).toEqual({});
    expect(on.looks.length).toBeGreaterThanOrEqual(4);
    on.looks = [];
    on.socket.drop();
    await settle(2_000);
    expect(on.looks[0]).toMatchObject({ task, on: true });
    leave();
    await settle(2_000);
    expect(on.looks.at(-1)).toMatchObject({ on: false });
  });
});
