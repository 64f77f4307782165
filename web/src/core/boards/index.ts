/** The page's boards; loaded with the first page that shows one. */
import { core } from "../store-instance";
import { makeBoards } from "./make";

export const { boardActions, useBoards } = makeBoards(core);
