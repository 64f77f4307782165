import { describe, expect, it } from "vitest";
import { buildRows } from "../../src/ui/lib/rows";
import { said } from "./world";

const OPTIONS = { me: "ana", unreadFrom: null, knowsStart: true };
/** Local times, so that the days do not depend on where the test runs. */
const at = (day: number, hour: number, minute: number, second = 0) =>
  new Date(2026, 10, day, hour, minute, second).toISOString();

describe("buildRows", () => {
  it("groups messages of one author within five minutes of the one before", () => {
    const rows = buildRows(
      [
        said(1, "ben", at(20, 9, 0)),
        said(2, "ben", at(20, 9, 4, 59)),
        said(3, "ben", at(20, 9, 9, 58)),
        said(4, "ben", at(20, 9, 14, 58)),
        said(5, "ana", at(20, 9, 15)),
      ],
      OPTIONS,
    );
    expect(rows.map((row) => row.grouped)).toEqual([false, true, true, false, false]);
  });

  it("starts a group anew after a tombstone, at an answer and at a new day", () => {
    const rows = buildRows(
      [
        said(1, "ben", at(20, 23, 58), { deleted: true }),
        said(2, "ben", at(20, 23, 58, 30)),
        said(3, "ben", at(20, 23, 59), { reply_to: "m1" }),
        said(4, "ben", at(20, 23, 59, 30), { reply_to: "m1" }),
        said(5, "ben", at(21, 0, 1)),
      ],
      OPTIONS,
    );
    expect(rows.map((row) => row.grouped)).toEqual([false, false, false, true, false]);
    expect(rows.map((row) => row.opensDay)).toEqual([true, false, false, false, true]);
  });

  it("draws one unread line, before the first message of somebody else after the read mark", () => {
    const messages = [
      said(3, "ben", at(20, 9, 0)),
      said(5, "ana", at(20, 9, 1)),
      said(6, "ben", at(20, 9, 2)),
      said(9, "ben", at(20, 9, 3)),
    ];
    const lines = (unreadFrom: number | null, knowsStart = true) =>
      buildRows(messages, { me: "ana", unreadFrom, knowsStart })
        .filter((row) => row.opensUnread)
        .map((row) => row.message.seq);
    expect(lines(4)).toEqual([6]);
    expect(lines(6)).toEqual([9]);
    expect(lines(9)).toEqual([]);
    expect(lines(null)).toEqual([]);
    expect(lines(0)).toEqual([3]);
    expect(lines(0, false)).toEqual([]);
  });

  it("does not group across the unread line", () => {
    const [, second] = buildRows([said(1, "ben", at(20, 9, 0)), said(2, "ben", at(20, 9, 1))], {
      ...OPTIONS,
      unreadFrom: 1,
    });
    expect(second).toMatchObject({ opensUnread: true, grouped: false });
  });

  it("keeps a row's key from sending to sent", () => {
    const pending = said(0, "ana", at(20, 9, 0), { key: "k", delivery: "sending" });
    const sent = said(7, "ana", at(20, 9, 0), { key: "k" });
    expect(buildRows([pending], OPTIONS)[0]?.key).toBe(buildRows([sent], OPTIONS)[0]?.key);
  });
});
