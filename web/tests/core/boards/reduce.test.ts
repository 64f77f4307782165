import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Confirmed } from "../../../src/core/boards/draft";
import { fromPage, reduceBoard, type Viewer } from "../../../src/core/boards/reduce";
import type { Entry } from "../../../src/core/wire";
import { entry } from "../fixtures";
import { actOn, anAct, checkWhole } from "./acts";
import { BOARD, BoardModel } from "./model";

const VIEWER: Viewer = { id: "me", role: "member", nameOf: (user) => `Person ${user}` };

describe("a board made from its entries", () => {
  it("equals the board loaded afresh, from whichever seq one goes on", () => {
    fc.assert(
      fc.property(
        fc.array(anAct, { maxLength: 30, size: "max" }),
        fc.array(anAct, { maxLength: 80, size: "max" }),
        fc.integer({ min: 1, max: 4 }),
        (before, after, size) => {
          const model = new BoardModel();
          model.longest = size;
          for (const act of before) actOn(model, "ann", act);
          let confirmed = fromPage(model.page());
          after.forEach((act, turn) => {
            actOn(model, "ann", act);
            if (turn % size === 0) confirmed = step(confirmed, model);
          });
          confirmed = step(confirmed, model);
          checkWhole(confirmed.data);
          expect(confirmed.data).toEqual(fromPage(model.page()).data);
        },
      ),
      { numRuns: 150 },
    );
  });

  it("takes an entry twice, and one the page contains, as once", () => {
    const model = new BoardModel();
    for (let turn = 0; turn < 40; turn += 1) actOn(model, "ann", { kind: "create", one: turn, two: turn });
    const early = fromPage(model.page());
    for (let turn = 0; turn < 40; turn += 1) actOn(model, "ann", { kind: "comment", one: turn, two: turn * 7 });
    const late = reduceBoard(early, model.log, VIEWER);
    expect(reduceBoard(late, model.log, VIEWER)).toBe(late);
    expect(reduceBoard(late, model.log.slice(-3), VIEWER)).toBe(late);
    expect(late.data).toEqual(fromPage(model.page()).data);
  });

  it("keeps what an entry does not touch the same objects", () => {
    const model = new BoardModel();
    for (let turn = 0; turn < 30; turn += 1) actOn(model, "ann", { kind: "create", one: turn, two: turn });
    const before = fromPage(model.page());
    const [first, second] = Object.keys(before.data.order);
    const task = before.data.order[first ?? ""]?.[0] ?? "";
    model.run("ann", () => model.command("ann", "task.change", { task, title: "Another" }));
    const { data } = reduceBoard(before, model.log, VIEWER);
    expect(data.tasks[task]?.title).toBe("Another");
    expect(data.order).toBe(before.data.order);
    expect(data.lists).toBe(before.data.lists);
    for (const [id, card] of Object.entries(data.tasks)) if (id !== task) expect(card).toBe(before.data.tasks[id]);

    model.run("ann", () => model.command("ann", "task.move", { task, list: second, after: null }));
    const moved = reduceBoard(before, model.log, VIEWER);
    const [third] = Object.keys(before.data.order).slice(2);
    expect(moved.data.order[third ?? ""]).toBe(before.data.order[third ?? ""]);
    expect(moved.data.order[second ?? ""]?.[0]).toBe(task);
  });

  it("brings the tasks of an archived list back with it, or asks to be loaded", () => {
    const model = new BoardModel();
    const [list] = [...model.lists.keys()];
    for (let turn = 0; turn < 6; turn += 1) actOn(model, "ann", { kind: "create", one: turn, two: 0 });
    const open = fromPage(model.page());
    model.run(
      "ann",
      () => ({ list: model.changeList("ann", list ?? "", { archived: true }, "list.archived") }) as never,
    );
    const closed = fromPage(model.page());
    const seen = reduceBoard(open, model.log, VIEWER);
    expect(seen.data).toEqual(closed.data);
    model.run(
      "ann",
      () => ({ list: model.changeList("ann", list ?? "", { archived: false }, "list.restored") }) as never,
    );
    const back = reduceBoard(seen, model.log, VIEWER);
    expect(back.data).toEqual(open.data);
    expect(back.stale).toBe(false);
    expect(reduceBoard(closed, model.log, VIEWER).stale).toBe(true);
  });

  it("changes one's own right as its member entries say, but not a manager's", () => {
    const model = new BoardModel();
    const before = fromPage(model.page());
    const entries: Entry[] = [
      entry(BOARD, model.head + 1, "board.member_set", { board: BOARD, user: "me", right: "view" }, "ann"),
    ];
    expect(reduceBoard(before, entries, VIEWER).data.right).toBe("view");
    const managing = { ...before, data: { ...before.data, right: "manage" as const } };
    expect(reduceBoard(managing, entries, { ...VIEWER, role: "admin" }).data.right).toBe("manage");
    const left = [entry(BOARD, model.head + 1, "board.member_removed", { board: BOARD, user: "me", right: "edit" })];
    expect(reduceBoard(managing, left, VIEWER).data.right).toBe("edit");
  });

  it("applies an entry to ten thousand tasks without sorting them", () => {
    const model = new BoardModel();
    const page = model.page();
    const [list] = page.lists;
    const template = {
      ...model.whole(
        (
          model.run("ann", () =>
            model.command("ann", "task.create", {
              board: BOARD,
              list: list?.id,
              title: "Template",
            }),
          ) as { task: { id: string } }
        ).task.id,
      ),
    };
    const tasks = Array.from({ length: 10_000 }, (_, at) => ({
      ...template,
      id: `task-${at}`,
      rank: String(at * 2).padStart(6, "0"),
    }));
    let reads = 0;
    for (const task of tasks) {
      const { rank } = task;
      Object.defineProperty(task, "rank", {
        enumerable: true,
        get: () => {
          reads += 1;
          return rank;
        },
      });
    }
    const board = fromPage({
      ...page,
      lists: page.lists.map((one) => (one.id === list?.id ? { ...one, total: tasks.length, tasks } : one)),
    });
    reads = 0;
    const data = { task: "task-9", list: list?.id, rank: "010001", version: 2 };
    const moved = reduceBoard(board, [entry(BOARD, board.seq + 1, "task.moved", data)], VIEWER);
    expect(moved.data.order[list?.id ?? ""]?.indexOf("task-9")).toBe(5_000);
    expect(reads).toBeLessThan(60);
  });
});

function step(confirmed: Confirmed, model: BoardModel): Confirmed {
  const next = reduceBoard(confirmed, model.log, VIEWER);
  checkWhole(next.data);
  // What is not here is loaded.
  return next.stale ? fromPage(model.page()) : next;
}
