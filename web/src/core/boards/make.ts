import type { Core } from "../core";
import { makeActions } from "./actions";
import { Boards } from "./boards";

/** Boards of one client. */
export function makeBoards(core: Core) {
  const boards = new Boards(core);
  return { boards, boardActions: makeActions(boards), useBoards: boards.store };
}
