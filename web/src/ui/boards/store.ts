/** The door from the interface of boards to core/boards. */
export { boardActions, useBoards } from "../../core/boards";
