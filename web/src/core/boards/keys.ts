/**
 * What is made has its command's key for an id until it is confirmed. Here the keys get their ids, and what was to be
 * done with something that was refused is refused too.
 */
import type { Done } from "../outbox";
import type { Command } from "../outbox-store";
import type { ApiError } from "../problem";
import type { Entry, Id } from "../wire";
import type { Boards } from "./boards";

export interface Answered {
  command: Command;
  done: Done;
}

export class Keys {
  private readonly boards: Boards;

  constructor(boards: Boards) {
    this.boards = boards;
  }

  /** The arguments of a command with ids in the place of keys that have one. */
  resolve(args: Record<string, unknown>): Record<string, unknown> {
    const { made } = this.boards.state;
    const find = (value: unknown) => (typeof value === "string" ? (made[value] ?? value) : value);
    const found = Object.entries(args).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(find) : find(value),
    ]);
    return Object.fromEntries(found);
  }

  /** Before what was answered is applied. */
  learn(answered: Answered[]): void {
    for (const { command, done } of answered) {
      const id = this.idOf(command, done);
      if (id === undefined || this.boards.state.keys[id]) continue;
      const { keys, made } = this.boards.state;
      const details = this.boards.details.rename(command.key, done.task);
      this.boards.update({ keys: { ...keys, [id]: command.key }, made: { ...made, [command.key]: id }, ...details });
      this.boards.core.outbox.rename(command.room, command.key, id);
    }
  }

  /** What waits for what was refused is refused; what was to stand behind it stands where it would have. */
  refused(board: Id, key: string, args: Record<string, unknown>, error: ApiError): void {
    const { outbox } = this.boards.core;
    for (const command of outbox.list(board)) {
      const named = Object.entries(command.args).some(
        ([name, value]) => name !== "after" && name !== "key" && [value].flat().includes(key),
      );
      if (named) outbox.refuse(command, error);
    }
    // An id that is no task's stands for the end.
    const { after = args.list ?? args.task } = args;
    outbox.rename(board, key, (after as Id | null | undefined) ?? null);
  }

  private idOf({ event, args }: Command, done: Done): Id | undefined {
    if (event === "task.create") return done.task?.id;
    if (event === "comment.add") return done.comment?.id;
    if (event !== "checklist.add" || !done.checklist) return;
    return this.boards.details.findAdded(done.checklist.task, String(args.text).trim(), done.checklist.checklist)?.id;
  }
}

/** The log shows own commands to have been carried out, perhaps before their acks came. */
export function findOwn(waiting: Command[], entries: Entry[]): Answered[] {
  if (!waiting.length) return [];
  return entries.flatMap(({ seq, kind, key, data }) => {
    const command = waiting.find((one) => one.key === key);
    if (!command) return [];
    const done: Done = { seq };
    if (kind === "task.created") done.task = data as Done["task"];
    if (kind === "comment.added") done.comment = data as Done["comment"];
    if (kind === "checklist.changed") done.checklist = data as Done["checklist"];
    return [{ command, done }];
  });
}
