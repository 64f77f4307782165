import { describe, expect, it } from "vitest";
import type { Entry } from "../../../src/core/wire";
import { describeActivity, sentenceOf } from "../../../src/ui/boards/parts/activity";

const PEOPLE: Record<string, string> = { anna: "Anna", ben: "Ben" };
const TITLES: Record<string, string> = { t1: "Design logo" };
const LISTS: Record<string, string> = { todo: "To do", doing: "Doing" };
const LABELS: Record<string, string> = { bug: "Bug", ui: "UI" };

const names = {
  person: (id: string) => PEOPLE[id] ?? "Someone",
  task: (id: string) => TITLES[id],
  list: (id: string) => LISTS[id],
  label: (id: string) => LABELS[id],
};

/** Sentences of entries given oldest first, in the same order. */
function told(entries: [kind: string, data: unknown, actor?: string][], options = {}): string[] {
  const stream = entries.map(
    ([kind, data, actor = "anna"], index): Entry => ({
      stream: "b",
      seq: index + 1,
      kind,
      actor,
      at: "2026-11-20T09:00:00.000Z",
      data,
    }),
  );
  return describeActivity(stream.toReversed(), names, options).map(sentenceOf).reverse();
}

const created = { id: "t1", title: "Design logo", list: "todo", labels: ["bug"], due_has_time: false, checklist: [] };
const change = (changed: object) => ["task.changed", { task: "t1", changed }] as [string, unknown];
const list = (...items: [id: string, text: string, done?: boolean][]) =>
  [
    "checklist.changed",
    { task: "t1", checklist: items.map(([id, text, done = false]) => ({ id, text, done, rank: id })) },
  ] as [string, unknown];

describe("activity", () => {
  it("tells of a task's way over the board", () => {
    expect(
      told([
        ["task.created", created],
        ["task.moved", { task: "t1", list: "doing" }, "ben"],
        ["task.moved", { task: "t1", list: "doing" }],
        ["task.archived", { task: "t1", list: "doing" }],
        ["task.restored", { ...created, list: "doing" }],
      ]),
    ).toEqual([
      "Anna added Design logo to To do",
      "Ben moved Design logo from To do to Doing",
      "Anna moved Design logo within Doing",
      "Anna archived Design logo",
      "Anna restored Design logo",
    ]);
  });

  it("says only where to, when where from is not known", () => {
    expect(told([["task.moved", { task: "t1", list: "doing" }]])).toEqual(["Anna moved Design logo to Doing"]);
  });

  it("tells of fields, of several at once too", () => {
    expect(
      told([
        change({ title: "New logo" }),
        change({ description: "…" }),
        change({ priority: "high" }),
        change({ status: "doing" }),
        change({ due_at: null }),
        change({ due_at: "2026-11-20T00:00:00.000Z", due_has_time: false, repeat: { every: 1, unit: "week" } }),
        change({ repeat: { every: 2, unit: "day" } }),
      ]),
    ).toEqual([
      "Anna renamed Design logo to New logo",
      "Anna changed the description of Design logo",
      "Anna set the priority of Design logo to high",
      "Anna set the status of Design logo to Doing",
      "Anna removed the due date from Design logo",
      "Anna changed the due date and the repeat of Design logo",
      "Anna set the repeat of Design logo to every 2 days",
    ]);
  });

  it("tells of a completed task that comes again", () => {
    expect(
      told([
        ["task.moved", { task: "t1", list: "doing" }],
        change({ repeat: null }),
        ["task.created", { ...created, id: "t2", title: "Design logo" }],
      ]).slice(1),
    ).toEqual(["Anna completed Design logo, and the next one was made", "Anna added Design logo to To do"]);
  });

  it("tells which labels came and went", () => {
    expect(
      told([["task.created", created], change({ labels: ["bug", "ui"] }), change({ labels: ["ui"] })]).slice(1),
    ).toEqual(["Anna added the label UI to Design logo", "Anna removed the label Bug from Design logo"]);
    expect(told([change({ labels: ["bug", "ui"] })])).toEqual(["Anna set the labels Bug and UI of Design logo"]);
  });

  it("tells what changed on a checklist", () => {
    const by = (actor: string, [kind, data]: [string, unknown]) => [kind, data, actor] as [string, unknown, string];
    expect(
      told([
        by("anna", list(["a", "Draft"])),
        by("ben", list(["a", "Draft"], ["b", "Print"])),
        by("anna", list(["a", "Draft", true], ["b", "Print"])),
        by("ben", list(["b", "Print"])),
        by("anna", list(["b", "Print it"])),
        by("ben", list(["b", "Print it", true], ["c", "Send"])),
        by("anna", list(["c", "Send"], ["b", "Print it", true])),
      ]),
    ).toEqual([
      "Anna changed the checklist of Design logo, now 0 of 1 done",
      "Ben added “Print” to the checklist of Design logo",
      "Anna ticked “Draft” of Design logo",
      "Ben removed “Draft” from the checklist of Design logo",
      "Anna reworded “Print” as “Print it” on the checklist of Design logo",
      "Ben changed the checklist of Design logo, now 1 of 2 done",
      "Anna put the checklist into another order of Design logo",
    ]);
  });

  it("tells once of what somebody does to a checklist in one go", () => {
    expect(
      told([
        ["task.created", created],
        list(["a", "Draft"]),
        list(["a", "Draft"], ["b", "Print"]),
        list(["a", "Draft"], ["b", "Print"], ["c", "Send"]),
      ]),
    ).toEqual([
      "Anna added Design logo to To do",
      "Anna added “Draft”, “Print” and “Send” to the checklist of Design logo",
    ]);
  });

  it("tells what clients may see now", () => {
    const ideas = (shown_outside: boolean) => ({ id: "ideas", name: "Ideas", shown_outside });
    expect(
      told([
        ["list.created", ideas(true)],
        ["list.changed", ideas(false)],
        ["list.changed", ideas(false)],
        ["list.changed", ideas(true)],
      ]),
    ).toEqual([
      "Anna added the list Ideas",
      "Anna hid the list Ideas from clients",
      "Anna changed the list Ideas",
      "Anna showed the list Ideas to clients",
    ]);
  });

  it("speaks to whoever reads, and leaves the task's name out in its panel", () => {
    expect(
      told(
        [
          ["task.assigned", { task: "t1", user: "ben" }],
          ["task.assigned", { task: "t1", user: "anna" }],
          ["task.unassigned", { task: "t1", user: "anna" }, "ben"],
          ["comment.added", { id: "c", task: "t1" }, "ben"],
          change({ priority: "low" }),
        ],
        { me: "anna", about: "t1" },
      ),
    ).toEqual([
      "You gave this task to Ben",
      "You took on this task",
      "Ben took you off this task",
      "Ben commented",
      "You set the priority to low",
    ]);
  });

  it("names what is gone by what the entries still tell", () => {
    expect(
      told([
        ["task.created", { ...created, id: "t9", title: "Old one", list: "gone" }],
        ["list.created", { id: "gone", name: "Ideas" }],
        ["list.changed", { id: "gone", name: "Some day" }],
        ["label.created", { id: "l", name: "Later" }],
        ["label.removed", { id: "l", board: "b" }],
        ["task.archived", { task: "t9", list: "gone" }, "zoe"],
      ]),
    ).toEqual([
      "Anna added Old one to Some day",
      "Anna added the list Ideas",
      "Anna renamed the list Ideas to Some day",
      "Anna made the label Later",
      "Anna removed the label Later",
      "Someone archived Old one",
    ]);
  });

  it("tells of the board and its people, and is neutral about what it does not know", () => {
    expect(
      told([
        ["board.created", { id: "b", name: "Site" }],
        ["board.changed", { id: "b", name: "Website" }],
        ["board.member_set", { board: "b", user: "ben", right: "comment" }],
        ["board.member_removed", { board: "b", user: "ben", right: null }],
        ["board.member_removed", { board: "b", user: "ben", right: "edit" }],
        ["list.rebalanced", { list: "todo", ranks: {} }],
        ["task.painted", { task: "t1" }],
      ]),
    ).toEqual([
      "Anna made the board",
      "Anna renamed the board to Website",
      "Anna let Ben comment",
      "Anna took Ben off the board",
      "Anna took back the right given to Ben",
      "Anna made room in the list To do",
      "Anna changed something",
    ]);
  });
});
