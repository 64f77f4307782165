// @vitest-environment node
import { describe, expect, it } from "vitest";
import type { Card } from "../../../src/core/boards/wire";
import { agendaRows, placeByDay } from "../../../src/ui/boards/views/calendar";
import { boardOf, cardOf } from "./cards";

const day = (date: number) => Date.UTC(2026, 10, date) / 86_400_000;
const on = (date: number): Partial<Card> => ({ due_at: `2026-11-${date}T00:00:00Z`, due_has_time: false });
const at = (date: number, hour: number): Partial<Card> => ({
  due_at: new Date(2026, 10, date, hour).toISOString(),
  due_has_time: true,
});

const late = cardOf({ id: "late", ...at(19, 23) });
const early = cardOf({ id: "early", ...at(19, 0) });
const whole = cardOf({ id: "whole", ...on(19), priority: "low" });
const urgent = cardOf({ id: "urgent", ...on(19), priority: "high" });
const next = cardOf({ id: "next", ...on(20) });
const loose = cardOf({ id: "loose" });
const over = cardOf({ id: "over" });

const finished = cardOf({ id: "finished", status: "done" });

const data = boardOf(
  { todo: [late, whole, loose, finished], doing: [early, next, urgent], done: [over] },
  { done: "done" },
);

describe("a calendar", () => {
  it("has each task on its day by the browser's clock: what lasts all day first, then by the clock", () => {
    const { days } = placeByDay(data, null);
    expect(days.get(day(19))?.map((card) => card.id)).toEqual(["urgent", "whole", "early", "late"]);
    expect(days.get(day(20))?.map((card) => card.id)).toEqual(["next"]);
    expect(days.size).toBe(2);
  });

  it("sets apart what has no date, unless it is done", () => {
    expect(placeByDay(data, null).loose.map((card) => card.id)).toEqual(["loose"]);
  });

  it("leaves out what does not fit the filters", () => {
    const { days, loose: rest } = placeByDay(data, (card) => card.id === "next");
    expect([[...days.keys()], rest]).toEqual([[day(20)], []]);
  });
});

describe("an agenda", () => {
  const placed = placeByDay(data, null);
  const said = (first: number, end: number, today: number) =>
    agendaRows(placed, day(first), day(end), day(today)).map((row) =>
      row.kind === "task" ? row.card.id : row.kind === "day" ? row.day - day(0) : `loose ${row.count}`,
    );

  it("has the days with tasks, today, and what has no date at the end", () => {
    expect(said(1, 30, 10)).toEqual([10, 19, "urgent", "whole", "early", "late", 20, "next", "loose 1", "loose"]);
  });

  it("ends where the month does", () => {
    expect(said(20, 21, 5)).toEqual([20, "next", "loose 1", "loose"]);
    expect(said(1, 19, 25)).toEqual(["loose 1", "loose"]);
  });
});
