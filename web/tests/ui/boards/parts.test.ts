import { describe, expect, it } from "vitest";
import type { Label } from "../../../src/core/boards/wire";
import { peopleOf } from "../../../src/ui/boards/parts/assignable";
import { dueState, dueWords } from "../../../src/ui/boards/parts/due";
import { dateOf, quickDays, toDue, toInputs } from "../../../src/ui/boards/parts/due-input";
import { findLabels, nextColour } from "../../../src/ui/boards/parts/labels";
import { makeRepeat, repeatChoices, repeatWords, sameRepeat, weekdayOf } from "../../../src/ui/boards/parts/repeat";
import { dayNumber } from "../../../src/ui/lib/time";
import { person } from "../world";

/** A Friday, in the calendar of the machine. */
const NOW = new Date(2026, 10, 20, 15, 0);
const day = (date: string) => ({ due_at: `${date}T00:00:00.000Z`, due_has_time: false });
const moment = (...at: [number, number, number, number, number]) => ({
  due_at: new Date(...at).toISOString(),
  due_has_time: true,
});

describe("a due date", () => {
  it.each([
    ["2026-11-19", "overdue", "Yesterday"],
    ["2026-11-20", "today", "Today"],
    ["2026-11-21", "soon", "Tomorrow"],
    ["2026-11-26", "later", "Thu"],
  ])("of the day %s is %s: %s", (date, state, words) => {
    expect(dueState(day(date), NOW)).toBe(state);
    expect(dueWords(day(date), NOW)).toBe(words);
  });

  it("names the year only when it is another", () => {
    expect(dueWords(day("2026-12-24"), NOW)).not.toContain("2026");
    expect(dueWords(day("2027-12-24"), NOW)).toContain("2027");
  });

  it("with a time is overdue as soon as the moment is past", () => {
    expect(dueState(moment(2026, 10, 20, 14, 59), NOW)).toBe("overdue");
    expect(dueState(moment(2026, 10, 20, 23, 30), NOW)).toBe("today");
    expect(dueState(moment(2026, 10, 21, 0, 30), NOW)).toBe("soon");
  });

  it("goes into the fields of a form and back, with and without a time", () => {
    for (const due of [day("2026-11-20"), moment(2026, 2, 29, 0, 30), moment(2026, 9, 25, 23, 59)])
      expect(toDue(toInputs(due))).toEqual(due);
    expect(toInputs({ due_at: null, due_has_time: false })).toEqual({ date: "", time: "" });
  });

  it("is none without a real day", () => {
    for (const date of ["", "0002-11-20", "2026-02-30", "2026-13-01"]) expect(toDue({ date, time: "" })).toBeNull();
    expect(toDue({ date: "2026-02-30", time: "10:00" })).toBeNull();
  });

  it("is quickly today, tomorrow or next Monday", () => {
    const dates = (now: Date) => quickDays(now).map((one) => dateOf(one.day));
    expect(dates(NOW)).toEqual(["2026-11-20", "2026-11-21", "2026-11-23"]);
    expect(dates(new Date(2026, 10, 22))[2]).toBe("2026-11-23");
    expect(dates(new Date(2026, 10, 23))[2]).toBe("2026-11-30");
  });
});

describe("a repeat", () => {
  it("is said in words", () => {
    expect(repeatWords({ every: 1, unit: "day" })).toBe("Every day");
    expect(repeatWords({ every: 3, unit: "month" })).toBe("Every 3 months");
    expect(repeatWords({ every: 1, unit: "month", day: 31 })).toBe("Every month on day 31");
    expect(repeatWords({ every: 2, unit: "week", days: ["thu", "mon"] })).toBe("Every 2 weeks on Mon and Thu");
    expect(repeatWords({ every: 1, unit: "week", days: ["fri", "mon", "tue", "wed", "thu"] })).toBe("Every weekday");
  });

  it("is made of a form's fields, with the zone they are meant in", () => {
    expect(makeRepeat(2, "week", ["fri", "mon"])).toMatchObject({ every: 2, unit: "week", days: ["mon", "fri"] });
    expect(makeRepeat(1, "year", ["fri"])).not.toHaveProperty("days");
    expect(makeRepeat(1, "day")?.zone).toBe(Intl.DateTimeFormat().resolvedOptions().timeZone);
    for (const every of [0, -1, 1.5, Number.NaN, 100]) expect(makeRepeat(every, "day")).toBeNull();
  });

  it("is offered for the weekday it is due", () => {
    const friday = dayNumber(NOW);
    expect(weekdayOf(friday)).toBe("fri");
    const names = repeatChoices(friday).map((choice) => choice.name);
    expect(names).toContain("Every week on Friday");
    expect(names).toContain("Every month on day 20");
  });

  it("is the same whatever the order of its days", () => {
    const zone = "Europe/Berlin";
    expect(
      sameRepeat(
        { every: 1, unit: "week", days: ["fri", "mon"] },
        { every: 1, unit: "week", days: ["mon", "fri"], zone },
      ),
    ).toBe(true);
    expect(sameRepeat({ every: 1, unit: "week" }, null)).toBe(false);
  });
});

describe("labels to pick", () => {
  const label = (name: string, colour: Label["colour"]): Label => ({ id: name, board: "b", name, colour });
  const labels = { bug: label("Bug", "red"), ui: label("Über UI", "orange") };

  it("fit the words, and a new name makes a new one", () => {
    expect(findLabels(labels, "uber").found.map((one) => one.name)).toEqual(["Über UI"]);
    expect(findLabels(labels, " bug ")).toMatchObject({ fresh: null });
    expect(findLabels(labels, "bu").fresh).toBe("bu");
    expect(findLabels(labels, "").fresh).toBeNull();
  });

  it("get the colour used least", () => {
    expect(nextColour(labels)).toBe("yellow");
    expect(nextColour({})).toBe("red");
  });
});

it("gives a board's tasks to those who may see it", () => {
  const people = {
    o: person("o", "Olga", { role: "owner" }),
    m: person("m", "Mia"),
    c: person("c", "Cleo", { role: "client" }),
    x: person("x", "Xaver", { active: false }),
  };
  const members = [
    { user: "c", name: "Cleo", right: "comment" as const },
    { user: "far", name: "Far Away", right: "view" as const },
  ];
  const names = (shown_to: "colleagues" | "members") => peopleOf(people, { shown_to }, members).map((one) => one.name);
  expect(names("colleagues").sort()).toEqual(["Cleo", "Far Away", "Mia", "Olga"]);
  expect(names("members").sort()).toEqual(["Cleo", "Far Away", "Olga"]);
});
