// @vitest-environment node
import { describe, expect, it } from "vitest";
import type { Card } from "../../../src/core/boards/wire";
import {
  countFilters,
  type FilterContext,
  type Filters,
  matches,
  NO_FILTERS,
  readFilters,
  writeFilters,
} from "../../../src/ui/boards/filters/model";
import { cardOf } from "./cards";

// A Thursday, by the calendar of whoever runs this.
const NOW = new Date(2026, 10, 19, 12, 0);
const CONTEXT: FilterContext = { me: "ana", status: { todo: "open", done: "done", loose: null }, now: NOW };

const at = (day: number, hour: number) => new Date(2026, 10, day, hour).toISOString();
const midnight = (day: number) => new Date(Date.UTC(2026, 10, day)).toISOString();
const on = (day: number): Partial<Card> => ({ due_at: midnight(day), due_has_time: false });
const fits = (card: Partial<Card>, filters: Partial<Filters>) =>
  matches(cardOf({ list: "todo", ...card }), { ...NO_FILTERS, ...filters }, CONTEXT);

describe("the address", () => {
  it("says the filters and gives them back", () => {
    const filters: Filters = {
      text: "plan & go",
      status: ["open", "none"],
      priority: ["high"],
      assignee: ["me", "01J8ZK"],
      label: ["01JAAA"],
      due: ["overdue", "today"],
    };
    expect(readFilters(writeFilters(filters))).toEqual({ ...filters, due: ["overdue", "today"] });
    expect(writeFilters(filters)).toContain("status=open,none");
    expect(countFilters(filters)).toBe(6);
  });

  it("keeps what else it says, and no empty filter", () => {
    const search = "?view=list&priority=high&q=x";
    expect(writeFilters({ ...NO_FILTERS, text: "  " }, search)).toBe("view=list");
  });

  it("may say nonsense", () => {
    const filters = readFilters("?status=open,open,flying&due=never&assignee=,me,me,<b>&label=&q=");
    expect(filters).toEqual({ ...NO_FILTERS, status: ["open"], assignee: ["me"] });
  });
});

describe("a task", () => {
  it("fits no filter at all", () => expect(fits({}, {})).toBe(true));

  it("has the status of its list", () => {
    expect(fits({}, { status: ["open"] })).toBe(true);
    expect(fits({ list: "loose" }, { status: ["open"] })).toBe(false);
    expect(fits({ list: "loose" }, { status: ["done", "none"] })).toBe(true);
    expect(fits({ list: "loose", status: "doing" }, { status: ["doing"] })).toBe(true);
    expect(fits({ list: "done", status: "doing" }, { status: ["doing"] })).toBe(false);
    expect(fits({ list: "loose", status: "done", ...on(18) }, { due: ["overdue"] })).toBe(false);
  });

  it("is somebody's, one's own or nobody's", () => {
    expect(fits({ assignees: ["ana"] }, { assignee: ["me"] })).toBe(true);
    expect(fits({ assignees: ["ben"] }, { assignee: ["me", "none"] })).toBe(false);
    expect(fits({ assignees: [] }, { assignee: ["me", "none"] })).toBe(true);
    expect(fits({ assignees: ["ben"] }, { assignee: ["ben"] })).toBe(true);
  });

  it("fits one value of each filter", () => {
    const card = { priority: "high", labels: ["red"] } as const;
    expect(fits({ ...card, labels: ["red"] }, { priority: ["high", "none"], label: ["red", "blue"] })).toBe(true);
    expect(fits({ ...card, labels: ["red"] }, { priority: ["low"], label: ["red"] })).toBe(false);
    expect(fits({ priority: null }, { priority: ["none"] })).toBe(true);
  });

  it("has every word, whatever their case and accents", () => {
    expect(fits({ title: "Préparer la Démo" }, { text: " demo prep" })).toBe(true);
    expect(fits({ title: "Préparer la Démo" }, { text: "demo later" })).toBe(false);
  });
});

describe("due", () => {
  it("is today all day long, with and without a time", () => {
    expect(fits(on(19), { due: ["today"] })).toBe(true);
    expect(fits({ due_at: at(19, 1), due_has_time: true }, { due: ["today"] })).toBe(true);
    expect(fits({ due_at: at(19, 23), due_has_time: true }, { due: ["today"] })).toBe(true);
    expect(fits(on(20), { due: ["today"] })).toBe(false);
  });

  it("is overdue after its moment or its day, until it is done", () => {
    expect(fits(on(19), { due: ["overdue"] })).toBe(false);
    expect(fits(on(18), { due: ["overdue"] })).toBe(true);
    expect(fits({ due_at: at(19, 11), due_has_time: true }, { due: ["overdue"] })).toBe(true);
    expect(fits({ ...on(18), list: "done" }, { due: ["overdue"] })).toBe(false);
    expect(fits({ due_at: at(19, 13), due_has_time: true }, { due: ["overdue"] })).toBe(false);
  });

  it("is this week until Sunday", () => {
    expect(fits(on(22), { due: ["week"] })).toBe(true);
    expect(fits(on(23), { due: ["week"] })).toBe(false);
    expect(fits(on(18), { due: ["week"] })).toBe(false);
    expect(fits({}, { due: ["week", "none"] })).toBe(true);
  });
});
