import type { Card } from "../../../src/core/boards/wire";

let made = 0;

/** A task without anything but what is given. */
export function cardOf(given: Partial<Card> = {}): Card {
  made += 1;
  return {
    id: `task-${made}`,
    board: "board",
    list: "list",
    rank: "a0",
    title: `Task ${made}`,
    described: false,
    priority: null,
    due_at: null,
    due_has_time: false,
    created_by: "ana",
    created_at: "2026-11-02T08:00:00Z",
    changed_at: "2026-11-02T08:00:00Z",
    archived: false,
    message: null,
    version: 1,
    assignees: [],
    labels: [],
    items: 0,
    items_done: 0,
    comments: 0,
    ...given,
  };
}
