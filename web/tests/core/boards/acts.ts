/** What somebody may do on a board, drawn at random: each as a small act on the model. */
import fc from "fast-check";
import { expect } from "vitest";
import type { BoardData } from "../../../src/core/boards/store";
import type { Id } from "../../../src/core/wire";
import { BOARD, type BoardModel, Refusal } from "./model";

/** `one` and `two` choose among what is there. */
export interface Act {
  kind: string;
  one: number;
  two: number;
}

const KINDS = [
  "create",
  "create",
  "create",
  "create-behind",
  "move",
  "move",
  "move",
  "move-front",
  "move-many",
  "move-many",
  "change",
  "status",
  "status",
  "assign",
  "archive",
  "archive-many",
  "restore",
  "label",
  "remove-label",
  "tag",
  "add-item",
  "tick",
  "comment",
  "delete-comment",
  "move-list",
  "archive-list",
  "restore-list",
  "list-status",
  "rename",
  "member",
] as const;

const STATUSES = ["open", "doing", "done", null] as const;

export const anAct: fc.Arbitrary<Act> = fc.record({
  kind: fc.constantFrom(...KINDS),
  one: fc.nat(1_000),
  two: fc.nat(1_000),
});

export const pick = <T>(among: T[], at: number): T | undefined => among[at % Math.max(1, among.length)];

/** As a socket command, where it is one. */
export function asCommand(
  { kind, one, two }: Act,
  tasks: Id[],
  lists: Id[],
): { event: string; args: Record<string, unknown> } | null {
  const task = pick(tasks, one);
  const other = pick(tasks, two);
  const list = pick(lists, two) ?? "";
  if (kind === "create") return { event: "task.create", args: { board: BOARD, list, title: `Task ${one}` } };
  if (kind === "create-behind") {
    return { event: "task.create", args: { board: BOARD, list, title: `Task ${one}`, after: other ?? null } };
  }
  if (!task) return null;
  const many = [...new Set([task, other ?? task])];
  switch (kind) {
    case "move":
      return { event: "task.move", args: { task, list, after: other } };
    case "move-front":
      return { event: "task.move", args: { task, list, after: null } };
    case "move-many":
      return { event: "tasks.move", args: { board: BOARD, tasks: many, list, after: pick(tasks, one + two) } };
    case "change":
      return { event: "task.change", args: { task, title: `Changed ${two}`, description: two % 2 ? "words" : "" } };
    case "status":
      return { event: "task.change", args: { task, status: pick([...STATUSES], two) ?? null } };
    case "assign":
      return { event: "task.change", args: { task, assignees: two % 3 ? ["ann", "me"].slice(0, two % 3) : [] } };
    case "tag":
      return { event: "task.change", args: { task, labels: two % 2 ? [`label-${two % 4}`] : [] } };
    case "archive":
      return { event: "task.archive", args: { task } };
    case "archive-many":
      return { event: "tasks.archive", args: { board: BOARD, tasks: many } };
    case "add-item":
      return { event: "checklist.add", args: { task, text: `item ${two}` } };
    case "comment":
      return { event: "comment.add", args: { task, body: "words" } };
    default:
      return null;
  }
}

/** Does it on the server, if it can be done. */
export function actOn(model: BoardModel, actor: Id, act: Act): void {
  const { kind, one, two } = act;
  const lists = [...model.lists.keys()];
  const tasks = [...model.tasks.values()].filter((task) => !task.archived).map(({ id }) => id);
  const archived = [...model.tasks.values()].filter((task) => task.archived).map(({ id }) => id);
  const work = () => {
    const list = pick(lists, one) ?? "";
    if (kind === "move-list") model.moveList(actor, list, two % 2 ? null : (pick(lists, two) ?? null));
    else if (kind === "archive-list" && lists.filter((id) => !model.list(id).archived).length > 1) {
      model.changeList(actor, list, { archived: true }, "list.archived");
    } else if (kind === "restore-list") model.changeList(actor, list, { archived: false }, "list.restored");
    else if (kind === "list-status") {
      model.changeList(actor, list, { status: pick([...STATUSES], two) ?? null }, "list.changed");
    } else if (kind === "label") model.putLabel(actor, `label-${one % 4}`, `Label ${two}`);
    else if (kind === "remove-label") model.removeLabel(actor, `label-${one % 4}`);
    else if (kind === "rename") model.rename(actor, `Board ${one}`);
    else if (kind === "member") model.setMember(actor, "bob", two % 3 ? "edit" : null);
    else if (kind === "restore" && archived.length) {
      model.command(actor, "task.restore", { task: pick(archived, one) });
    } else if (kind === "tick") {
      const task = [...model.tasks.values()].find((one) => one.checklist.length && !one.archived);
      const item = task?.checklist[0];
      if (item) model.command(actor, "checklist.change", { task: task.id, item: item.id, done: !item.done });
    } else if (kind === "delete-comment") {
      const comment = pick([...model.comments.keys()], one);
      if (comment) model.command(actor, "comment.delete", { comment });
    } else {
      const command = asCommand(act, tasks, lists);
      if (command) model.command(actor, command.event, command.args);
    }
    return {};
  };
  try {
    model.run(actor, work);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}

/** No task lost, doubled or in two lists. */
export function checkWhole(data: BoardData): void {
  const listed = Object.values(data.order).flat();
  expect(new Set(listed).size).toBe(listed.length);
  expect(listed.toSorted()).toEqual(Object.keys(data.tasks).sort());
  expect(Object.keys(data.order).sort()).toEqual(data.lists.map(({ id }) => id).sort());
  for (const [list, order] of Object.entries(data.order)) {
    for (const task of order) expect(data.tasks[task]?.list).toBe(list);
  }
}
