import type { BoardData } from "../../../src/core/boards/store";
import type { BoardList, Card, Status } from "../../../src/core/boards/wire";

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
    status: null,
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

const listOf = (id: string, status: Status | null): BoardList => ({
  id,
  board: "board",
  name: id,
  rank: id,
  shown_outside: true,
  status,
  archived: false,
});

/** A board of these lists, each with its tasks and, where given, its status. */
export function boardOf(lists: Record<string, Card[]>, statuses: Record<string, Status> = {}): BoardData {
  const cards = Object.entries(lists).flatMap(([list, own]) => own.map((card) => ({ ...card, list })));
  return {
    board: {
      id: "board",
      name: "Board",
      room: null,
      shown_to: "colleagues",
      created_by: "ana",
      created_at: "2026-11-02T08:00:00Z",
      archived: false,
    },
    right: "edit",
    members: [],
    labels: {},
    lists: Object.keys(lists).map((id) => listOf(id, statuses[id] ?? null)),
    tasks: Object.fromEntries(cards.map((card) => [card.id, card])),
    order: Object.fromEntries(Object.entries(lists).map(([list, own]) => [list, own.map((card) => card.id)])),
  };
}
