/** One's tasks by when they are due, in the browser's calendar. */
import type { Card } from "../../../core/boards/wire";
import { dayNumber } from "../../lib/time";
import { dueDay, dueState } from "../parts/due";
import { endOfWeek } from "../views/days";
import type { Kept } from "./use-finishing";

export const GROUPS = ["overdue", "today", "week", "later", "none"] as const;
export type Group = (typeof GROUPS)[number];

export function groupOf(card: Card, now: Date): Group {
  const day = dueDay(card);
  if (day === null) return "none";
  const state = dueState(card, now);
  if (state === "overdue" || state === "today") return state;
  return day <= endOfWeek(dayNumber(now)) ? "week" : "later";
}

export type MineRow = { kind: "head"; group: Group; count: number; more: boolean } | { kind: "task"; card: Card };

/** Heads and tasks, soonest first. `more`: not all is loaded, so the last group may be longer than it looks. */
export function mineRows(cards: Card[], now: Date, more: boolean): MineRow[] {
  const groups = new Map<Group, Card[]>();
  for (const card of cards) {
    const group = groupOf(card, now);
    const own = groups.get(group);
    if (own) own.push(card);
    else groups.set(group, [card]);
  }
  const shown = GROUPS.filter((group) => groups.has(group));
  return shown.flatMap((group): MineRow[] => {
    const own = groups.get(group) ?? [];
    const head: MineRow = { kind: "head", group, count: own.length, more: more && group === shown.at(-1) };
    return [head, ...own.sort(byDue).map((card): MineRow => ({ kind: "task", card }))];
  });
}

/** As the server sorts them. */
function byDue(a: Card, b: Card): number {
  const [one, other] = [a.due_at, b.due_at].map((at) => (at === null ? Number.POSITIVE_INFINITY : Date.parse(at)));
  return one === other ? (a.id < b.id ? -1 : 1) : (one ?? 0) - (other ?? 0);
}

/** What the server says is to do, and in their places those that were checked off here. */
export function withKept(items: Card[], kept: Kept): Card[] {
  const known = new Set(items.map((card) => card.id));
  const others = Object.values(kept).filter(({ card }) => !known.has(card.id));
  return [...items, ...others.map(({ card }) => card)];
}
