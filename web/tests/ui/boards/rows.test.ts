// @vitest-environment node
import { describe, expect, it } from "vitest";
import type { BoardData } from "../../../src/core/boards/store";
import { makeRows, nextSort, readSort, type Shown, type Sort, writeSort } from "../../../src/ui/boards/views/rows";
import { boardOf, cardOf } from "./cards";

const ALL: Shown = { fits: null, sort: null, closed: new Set(), adding: null };
const said = (data: BoardData, shown: Partial<Shown>) =>
  makeRows(data, { ...ALL, ...shown }).map((row) => (row.kind === "task" ? row.task : `${row.kind} ${row.list.id}`));

const a = cardOf({ id: "a", title: "Task 10", priority: "low", changed_at: "2026-11-03T08:00:00Z" });
const b = cardOf({ id: "b", title: "task 9", due_at: "2026-11-20T00:00:00Z", changed_at: "2026-11-05T08:00:00Z" });
const c = cardOf({ id: "c", title: "Älter", priority: "high", due_at: "2026-11-19T12:00:00Z", due_has_time: true });

describe("rows", () => {
  const data = boardOf({ todo: [a, b], empty: [], done: [c] });

  it("are the lists with their tasks", () => {
    expect(said(data, {})).toEqual(["list todo", "a", "b", "list empty", "none empty", "list done", "c"]);
    expect(makeRows(data, ALL)[0]).toMatchObject({ count: 2, closed: false });
  });

  it("leave out what does not fit, and lists without any", () => {
    expect(said(data, { fits: (card) => card.id === "b" })).toEqual(["list todo", "b"]);
    expect(said(data, { fits: () => false })).toEqual([]);
  });

  it("leave out the tasks of closed lists, and say how many there are", () => {
    const rows = makeRows(data, { ...ALL, closed: new Set(["todo", "empty"]) });
    expect(rows[0]).toMatchObject({ kind: "list", count: 2, closed: true });
    expect(rows.map((row) => row.kind)).toEqual(["list", "list", "list", "task"]);
  });

  it("have a place for a new task, also where none fits", () => {
    expect(said(data, { adding: "empty", fits: () => false })).toEqual(["list empty", "add empty"]);
    expect(said(data, { adding: "done" }).slice(-3)).toEqual(["list done", "add done", "c"]);
  });
});

describe("sorting", () => {
  const data = boardOf({ todo: [a, b, c] });
  const sorted = (sort: Sort) => said(data, { sort }).slice(1).join("");

  it("knows numbers and accents in titles", () => {
    expect(sorted({ by: "title", falling: false })).toBe("cba");
    expect(sorted({ by: "title", falling: true })).toBe("abc");
  });

  it("keeps what has no date or priority at the end, either way", () => {
    expect(sorted({ by: "due", falling: false })).toBe("cba");
    expect(sorted({ by: "due", falling: true })).toBe("bca");
    expect(sorted({ by: "priority", falling: false })).toBe("cab");
    expect(sorted({ by: "priority", falling: true })).toBe("acb");
  });

  it("shows what changed last first", () => {
    expect(sorted({ by: "changed", falling: false })).toBe("bac");
  });

  it("does not touch the order of the lists", () => {
    expect(data.order.todo).toEqual(["a", "b", "c"]);
  });

  it("is said in the address, and goes up, down, away", () => {
    expect(readSort("-due")).toEqual({ by: "due", falling: true });
    expect(readSort(writeSort({ by: "title", falling: false }))).toEqual({ by: "title", falling: false });
    expect([readSort("rank"), readSort(null), readSort("--due")]).toEqual([null, null, null]);
    const up = nextSort(null, "due");
    const down = nextSort(up, "due");
    expect([up?.falling, down?.falling, nextSort(down, "due")]).toEqual([false, true, null]);
    expect(nextSort(down, "title")).toEqual({ by: "title", falling: false });
  });
});
