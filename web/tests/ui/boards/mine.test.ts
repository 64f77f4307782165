// @vitest-environment node
import { describe, expect, it } from "vitest";
import { groupOf, mineRows, withKept } from "../../../src/ui/boards/mine/groups";
import { cardOf } from "./cards";

// A Thursday at noon, by the calendar of whoever runs this.
const NOW = new Date(2026, 10, 19, 12, 0);

const timed = (day: number, hour: number) => ({
  due_at: new Date(2026, 10, day, hour).toISOString(),
  due_has_time: true,
});
const on = (day: number) => ({ due_at: new Date(Date.UTC(2026, 10, day)).toISOString(), due_has_time: false });

describe("a task of mine", () => {
  it("is overdue, today's, this week's, later or without a date", () => {
    const cases = [on(18), timed(19, 9), on(19), timed(19, 23), on(20), timed(22, 23), on(23), timed(23, 0), {}];
    expect(cases.map((due) => groupOf(cardOf(due), NOW))).toEqual([
      "overdue",
      "overdue",
      "today",
      "today",
      "week",
      "week",
      "later",
      "later",
      "none",
    ]);
  });

  it("has no week left on a Sunday", () => {
    expect(groupOf(cardOf(on(23)), new Date(2026, 10, 22, 12))).toBe("later");
  });
});

describe("my tasks", () => {
  const [later, late, undated] = [cardOf(on(30)), cardOf(on(2)), cardOf()];
  const said = (more: boolean) =>
    mineRows([undated, later, late], NOW, more).map((row) =>
      row.kind === "task" ? row.card.id : `${row.group} ${row.count}${row.more ? "+" : ""}`,
    );

  it("stand under their groups, soonest first", () => {
    expect(said(false)).toEqual(["overdue 1", late.id, "later 1", later.id, "none 1", undated.id]);
  });

  it("say that only the last group may go on", () => {
    expect(said(true).filter((row) => row.endsWith("+"))).toEqual(["none 1+"]);
  });

  it("stay in their places once they are done here", () => {
    const done = { [late.id]: { card: late, done: true } };
    expect(withKept([later], done)).toEqual([later, late]);
    expect(withKept([later, late], done)).toEqual([later, late]);
  });

  it("do not change the list they came in", () => {
    const items = [cardOf(on(25)), cardOf(on(24))];
    const before = [...items];
    mineRows(items, NOW, false);
    expect(items).toEqual(before);
  });
});
