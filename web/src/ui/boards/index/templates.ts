import type { Status } from "../../../core/boards/wire";

export interface Template {
  id: string;
  name: string;
  lists: { name: string; status: Status }[];
}

/** What a new board may begin with. */
export const TEMPLATES: Template[] = [
  {
    id: "simple",
    name: "Simple",
    lists: [
      { name: "To do", status: "open" },
      { name: "Doing", status: "doing" },
      { name: "Done", status: "done" },
    ],
  },
  {
    id: "week",
    name: "By week",
    lists: [
      { name: "Later", status: "open" },
      { name: "This week", status: "open" },
      { name: "Today", status: "doing" },
      { name: "Done", status: "done" },
    ],
  },
  {
    id: "review",
    name: "With review",
    lists: [
      { name: "Ideas", status: "open" },
      { name: "Agreed", status: "open" },
      { name: "Doing", status: "doing" },
      { name: "In review", status: "doing" },
      { name: "Done", status: "done" },
    ],
  },
  { id: "empty", name: "Empty", lists: [] },
];
