/** What one does to a board: to the outbox, or over HTTP and shown meanwhile. */
import type { Done } from "../outbox";
import type { BoardEvent } from "../outbox-store";
import { ApiError } from "../problem";
import type { Id } from "../wire";
import type { Boards } from "./boards";
import type { Op } from "./pending";

export class Sending {
  private readonly boards: Boards;

  constructor(boards: Boards) {
    this.boards = boards;
  }

  /** Through the outbox; resolves with the server's answer, rejects with ApiError when it is refused. */
  async send(event: BoardEvent, board: Id, args: Record<string, unknown>): Promise<Done> {
    const held = this.boards.hold(board);
    const known = this.boards.keys.resolve(args);
    const answer = this.boards.core.outbox.add(event, board, known, held.confirmed?.seq ?? 0);
    const key = this.boards.core.outbox.list(board).at(-1)?.key ?? "";
    try {
      return await answer;
    } catch (error) {
      if (error instanceof ApiError && error.status) this.boards.keys.refused(board, key, known, error);
      throw error;
    }
  }

  /** Shows `op` as if it were in the outbox until its entry comes, or `work` fails or answers that there is none. */
  async during(board: Id, op: Op, work: () => Promise<boolean>): Promise<void> {
    const held = this.boards.hold(board);
    const end = () => {
      held.local = held.local.filter((other) => other !== op);
      this.boards.publish(held);
    };
    held.local = [...held.local, op];
    this.boards.publish(held);
    try {
      if (await work()) end();
      else op.done = { seq: 0 };
    } catch (error) {
      end();
      throw error;
    }
  }

  /** Nobody waits for the answer of a command from before a reload. */
  tellRefused(board: Id): void {
    const { outbox } = this.boards.core;
    const refused = outbox.list(board).find((command) => command.error !== null);
    if (!refused) return;
    this.boards.update({ refused: { board, why: refused.error ?? "" } });
    outbox.discard(refused.key);
  }
}
