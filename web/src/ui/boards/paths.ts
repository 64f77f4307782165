import type { Id } from "../../core/wire";

export const OVERVIEW = "/boards";
export const MINE = "/boards/mine";
export const ARCHIVED = "/boards/archived";

export const boardPath = (board: Id) => `/boards/${board}`;
export const settingsPath = (board: Id, section?: string) => `/boards/${board}/settings${section ? `/${section}` : ""}`;

/** With what the address says of filters and view, so that closing the task goes back to them. */
export const taskPath = (board: Id, task: Id, search = "") =>
  `/boards/${board}/t/${task}${search && `?${search.replace(/^\?/, "")}`}`;
