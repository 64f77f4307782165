// @vitest-environment node
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dueDay } from "../../../src/ui/boards/parts/due";
import {
  dueOn,
  endOfWeek,
  firstOfMonth,
  firstWeekday,
  monthGrid,
  monthOf,
  monthText,
  readMonth,
  weekdayOf,
} from "../../../src/ui/boards/views/days";

const day = (text: string) => Date.parse(`${text}T00:00Z`) / 86_400_000;
const NOVEMBER = 2026 * 12 + 10;

const zone = process.env.TZ;
beforeAll(() => {
  process.env.TZ = "Europe/Berlin";
});
afterAll(() => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

describe("a month", () => {
  it("is the whole weeks it touches, from Monday or from Sunday", () => {
    const monday = monthGrid(NOVEMBER, 0);
    expect(monday).toHaveLength(6);
    expect(monday[0]?.[0]).toBe(day("2026-10-26"));
    expect(monday.at(-1)?.at(-1)).toBe(day("2026-12-06"));
    const sunday = monthGrid(NOVEMBER, 6);
    expect(sunday).toHaveLength(5);
    expect(sunday[0]?.[0]).toBe(day("2026-11-01"));
    expect(sunday.at(-1)?.at(-1)).toBe(day("2026-12-05"));
  });

  it("has four weeks when it fits them", () => {
    expect(monthGrid(2027 * 12 + 1, 0)).toHaveLength(4);
  });

  it("holds each day once, over leap days and changes of the clock", () => {
    for (let month = 2026 * 12; month < 2029 * 12; month += 1) {
      const days = monthGrid(month, 0).flat();
      const own = days.filter((one) => monthOf(one) === month);
      expect(own).toHaveLength(firstOfMonth(month + 1) - firstOfMonth(month));
      expect(days.every((one, index) => one === (days[0] ?? 0) + index)).toBe(true);
      expect(weekdayOf(days[0] ?? 0)).toBe(0);
    }
  });

  it("is said in the address", () => {
    expect(monthText(NOVEMBER)).toBe("2026-11");
    expect(readMonth("2026-11")).toBe(NOVEMBER);
    expect([readMonth("2026-13"), readMonth("26-1"), readMonth(null), readMonth("9999-01")]).toEqual(
      Array(4).fill(null),
    );
  });
});

describe("a week", () => {
  it("begins where one is", () => {
    expect([firstWeekday("de"), firstWeekday("en-US"), firstWeekday("no such place")]).toEqual([0, 6, 0]);
  });

  it("ends with its Sunday", () => {
    expect(weekdayOf(day("2026-11-22"))).toBe(6);
    expect(endOfWeek(day("2026-11-16"))).toBe(day("2026-11-22"));
    expect(endOfWeek(day("2026-11-22"))).toBe(day("2026-11-22"));
    expect(weekdayOf(-4)).toBe(6);
  });
});

describe("another day", () => {
  it("keeps a whole day whole", () => {
    const moved = dueOn(day("2026-12-01"), { due_at: "2026-11-19T00:00:00Z", due_has_time: false });
    expect(moved).toEqual({ due_at: "2026-12-01T00:00:00.000Z", due_has_time: false });
    expect(dueOn(day("2026-12-01"), { due_at: null, due_has_time: false })).toEqual(moved);
  });

  it("keeps the time on the clock when the clock changes between", () => {
    const summer = { due_at: "2026-10-24T07:30:00.000Z", due_has_time: true };
    const moved = dueOn(day("2026-10-26"), summer);
    expect(moved.due_at).toBe("2026-10-26T08:30:00.000Z");
    expect(dueOn(day("2026-10-24"), moved)).toEqual(summer);
  });

  it("is the day it was moved to, also at a time that the clock leaps over", () => {
    const night = { due_at: "2026-03-28T01:30:00.000Z", due_has_time: true };
    expect(dueDay(dueOn(day("2026-03-29"), night))).toBe(day("2026-03-29"));
  });

  it("is the day of the clock, not of UTC", () => {
    const late = { due_at: "2026-11-18T23:30:00.000Z", due_has_time: true };
    expect(dueDay(late)).toBe(day("2026-11-19"));
    const moved = dueOn(day("2026-11-20"), late);
    expect(moved.due_at).toBe("2026-11-19T23:30:00.000Z");
    expect(dueDay(moved)).toBe(day("2026-11-20"));
  });
});
