import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BoardData } from "../../../src/core/boards/store";
import type { Card } from "../../../src/core/boards/wire";
import { linesOf, sortLines, titleProblem } from "../../../src/ui/boards/board/model/adding";
import { buildGrid, cellKey, laneChange, placeOf } from "../../../src/ui/boards/board/model/grid";
import {
  afterFor,
  afterForList,
  isSamePlace,
  liftedFrom,
  staying,
  step,
} from "../../../src/ui/boards/board/model/moving";
import { saidAt } from "../../../src/ui/boards/board/model/said";
import { firstPlace, inOrder, rangeBetween, toggled, walk } from "../../../src/ui/boards/board/model/walking";

const card = (id: string, list: string, more: Partial<Card> = {}): Card => ({
  id,
  board: "b",
  list,
  rank: id,
  title: `Task ${id}`,
  described: false,
  status: null,
  priority: null,
  due_at: null,
  due_has_time: false,
  created_by: "ana",
  created_at: "2026-11-01T08:00:00.000Z",
  changed_at: "2026-11-01T08:00:00.000Z",
  archived: false,
  message: null,
  version: 1,
  assignees: [],
  labels: [],
  items: 0,
  items_done: 0,
  comments: 0,
  ...more,
});

function board(lists: Record<string, Card[]>): BoardData {
  return {
    board: {
      id: "b",
      name: "Launch",
      room: null,
      shown_to: "colleagues",
      created_by: "ana",
      created_at: "2026-11-01T08:00:00.000Z",
      archived: false,
    },
    right: "edit",
    members: [],
    labels: {},
    lists: Object.keys(lists).map((id) => ({
      id,
      board: "b",
      name: `List ${id}`,
      rank: id,
      shown_outside: true,
      status: null,
      archived: false,
    })),
    tasks: Object.fromEntries(Object.values(lists).flatMap((all) => all.map((one) => [one.id, one]))),
    order: Object.fromEntries(Object.entries(lists).map(([id, all]) => [id, all.map((one) => one.id)])),
  };
}

const OPTIONS = { by: null, fits: null, me: "ana", nameOf: (id: string) => id };
const some = board({
  todo: [card("1", "todo"), card("2", "todo", { assignees: ["ben", "ana"] }), card("3", "todo", { priority: "high" })],
  empty: [],
  done: [card("4", "done", { assignees: ["bea"] }), card("5", "done")],
});

describe("buildGrid", () => {
  it("is the lists as they are, without lanes and filters", () => {
    const grid = buildGrid(some, OPTIONS);
    expect(grid.cells[cellKey("", "todo")]).toBe(some.order.todo);
    expect(grid.lanes).toHaveLength(1);
  });

  it("shows a task in the lane of each of its people, oneself first and nobody last", () => {
    const grid = buildGrid(some, { ...OPTIONS, by: "assignee" });
    expect(grid.lanes.map((lane) => lane.key)).toEqual(["ana", "bea", "ben", "none"]);
    expect(grid.cells[cellKey("ana", "todo")]).toEqual(["2"]);
    expect(grid.cells[cellKey("ben", "todo")]).toEqual(["2"]);
    expect(grid.cells[cellKey("none", "todo")]).toEqual(["1", "3"]);
    expect(placeOf(grid, "2", "ben")).toEqual({ lane: "ben", list: "todo", index: 0 });
    expect(placeOf(grid, "2", "none")).toEqual({ lane: "ana", list: "todo", index: 0 });
  });

  it("keeps the cells that did not change", () => {
    const fits = (one: Card) => one.id !== "1";
    const before = buildGrid(some, { ...OPTIONS, fits });
    const moved = { ...some, order: { ...some.order, done: ["5", "4"] } };
    const after = buildGrid(moved, { ...OPTIONS, fits }, before);
    expect(after.cells[cellKey("", "todo")]).toBe(before.cells[cellKey("", "todo")]);
    expect(after.cells[cellKey("", "done")]).toEqual(["5", "4"]);
  });
});

describe("laneChange", () => {
  it("gives the task to the person of the lane, in the place of the other", () => {
    expect(laneChange(card("1", "todo", { assignees: ["ben", "ana"] }), "assignee", "ben", "bea")).toEqual({
      assignees: ["ana", "bea"],
    });
    expect(laneChange(card("1", "todo", { assignees: ["ben"] }), "assignee", "ben", null)).toEqual({ assignees: [] });
    expect(laneChange(card("1", "todo", { assignees: ["ben"] }), "assignee", null, "ben")).toBeNull();
  });

  it("sets the priority of the lane", () => {
    expect(laneChange(card("1", "todo"), "priority", null, "high")).toEqual({ priority: "high" });
    expect(laneChange(card("1", "todo"), "priority", "low", null)).toBeNull();
  });
});

describe("carrying", () => {
  const grid = buildGrid(some, OPTIONS);
  const lanes = buildGrid(some, { ...OPTIONS, by: "priority" });

  it("walks with the arrows within and between lists, and stops at the edges", () => {
    const from = liftedFrom(grid, { lane: "", list: "todo", index: 2 }, ["1", "3"]);
    expect(from).toEqual({ lane: "", list: "todo", index: 1 });
    expect(step(grid, from, "down", ["1", "3"])).toEqual(from);
    expect(step(grid, from, "up", ["1", "3"]).index).toBe(0);
    expect(step(grid, from, "right", ["1", "3"])).toEqual({ lane: "", list: "empty", index: 0 });
    expect(step(grid, from, "left", ["1", "3"])).toEqual(from);
  });

  it("goes on in the next lane", () => {
    const at = { lane: "high", list: "todo", index: 0 };
    expect(step(lanes, at, "down", ["3"])).toEqual({ lane: "medium", list: "todo", index: 0 });
    expect(step(lanes, { lane: "none", list: "todo", index: 0 }, "up", ["1"]).lane).toBe("low");
  });

  it("says the place with its list", () => {
    const names = { data: some, grid, laneName: (key: string) => key };
    expect(saidAt(names, ["1"], "1", { lane: "", list: "done", index: 1 })).toBe(
      "Task 1, position 2 of 3 in List done",
    );
    expect(saidAt(names, ["1", "2"], "1", { lane: "", list: "todo", index: 0 })).toBe(
      "Task 1 and 1 more, position 1 of 3 in List todo",
    );
  });

  it("puts what is seen to where it was dropped, and leaves the hidden in order", () => {
    const order = ["a", "b", "c", "d"];
    expect(afterFor(order, order, 0, ["c"])).toBeNull();
    expect(afterFor(order, order, 3, ["x"])).toBe("c");
    expect(afterFor(order, ["b", "d"], 0, ["x"])).toBe("a");
    expect(afterFor(order, ["b", "d"], 1, ["x"])).toBe("b");
    expect(afterFor(order, [], 0, ["x"])).toBeUndefined();
    expect(afterFor([], [], 0, ["x"])).toBeNull();
  });

  it("agrees with what it shows: the carried stand at the index they were dropped at", () => {
    const orders = fc.uniqueArray(fc.integer({ min: 0, max: 20 }).map(String), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(orders, fc.array(fc.boolean(), { maxLength: 12 }), fc.nat(12), (order, marks, wish) => {
        const carried = order.filter((_, index) => marks[index]);
        if (carried.length === 0) return;
        const rest = staying(order, carried);
        const index = Math.min(wish, rest.length);
        const after = afterFor(order, order, index, carried);
        const at = after === undefined ? rest.length : after === null ? 0 : rest.indexOf(after) + 1;
        expect(at).toBe(index);
        const shown = [...rest.slice(0, index), ...carried, ...rest.slice(index)];
        expect(isSamePlace(order, carried, after)).toBe(shown.join() === order.join());
      }),
    );
  });

  it("finds the list to stand behind", () => {
    expect(afterForList(["a", "b", "c"], "a", 1)).toBe("b");
    expect(afterForList(["a", "b", "c"], "c", 0)).toBeNull();
    expect(afterForList(["a", "b", "c"], "b", 2)).toBe("c");
  });
});

describe("walking", () => {
  const grid = buildGrid(some, OPTIONS);

  it("passes over empty lists and clamps to the shorter one", () => {
    expect(firstPlace(grid)).toEqual({ lane: "", list: "todo", index: 0 });
    expect(walk(grid, { lane: "", list: "todo", index: 2 }, "right")).toEqual({ lane: "", list: "done", index: 1 });
    expect(walk(grid, { lane: "", list: "todo", index: 2 }, "down")).toBeNull();
    expect(walk(grid, { lane: "", list: "done", index: 0 }, "right")).toBeNull();
  });

  it("selects ranges over lists, and single ones", () => {
    expect(inOrder(grid)).toEqual(["1", "2", "3", "4", "5"]);
    expect(rangeBetween(grid, "4", "2")).toEqual(["2", "3", "4"]);
    expect(rangeBetween(grid, "gone", "2")).toEqual(["2"]);
    expect([...toggled(new Set(["1", "2"]), "1")]).toEqual(["2"]);
  });

  it("names a task once, however many lanes it stands in", () => {
    expect(inOrder(buildGrid(some, { ...OPTIONS, by: "assignee" }))).toHaveLength(5);
  });
});

describe("adding", () => {
  it("takes lists as they are pasted", () => {
    expect(linesOf("- Buy milk\r\n\n* [ ] Call Ben\n2) Write it down\n  plain ")).toEqual([
      "Buy milk",
      "Call Ben",
      "Write it down",
      "plain",
    ]);
  });

  it("knows what can be a title", () => {
    expect(titleProblem("ab")).toContain("at least 3");
    expect(titleProblem("x".repeat(101))).toContain("this one has 101");
    expect(titleProblem("abc")).toBeNull();
    expect(sortLines(["ok then", "no"])).toEqual({ good: ["ok then"], bad: ["no"] });
  });
});
