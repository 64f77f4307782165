/** Which tasks of a board are wanted, as its address says. */
import type { Card, Due, Priority, Status } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { fold } from "../../lib/names";
import { dayNumber } from "../../lib/time";
import { dueDay, dueState } from "../parts/due";
import { endOfWeek } from "../views/days";

/** A task fits when it fits one value of each filter that has any, and has every word of the text. */
export interface Filters {
  text: string;
  status: (Status | "none")[];
  priority: (Priority | "none")[];
  /** People, oneself ("me") and nobody ("none"). */
  assignee: (Id | "me" | "none")[];
  label: Id[];
  due: Due[];
}

export type FilterName = Exclude<keyof Filters, "text">;

export interface FilterContext {
  me: Id | undefined;
  /** List → its status. */
  status: Readonly<Record<Id, Status | null>>;
  now: Date;
}

export const NO_FILTERS: Filters = { text: "", status: [], priority: [], assignee: [], label: [], due: [] };

export const STATUSES = ["open", "doing", "done", "none"] as const;
export const PRIORITIES = ["high", "medium", "low", "none"] as const;
export const DUES = ["overdue", "today", "week", "none"] as const;

const LONGEST_TEXT = 200;
const MOST_VALUES = 50;
const NAMES: FilterName[] = ["status", "priority", "assignee", "label", "due"];

export function readFilters(search: string | URLSearchParams): Filters {
  const params = new URLSearchParams(search);
  const values = (name: string) => {
    const found = (params.get(name) ?? "").split(",").filter((value) => /^[\w-]{1,64}$/.test(value));
    return [...new Set(found)].slice(0, MOST_VALUES);
  };
  const known = <T extends string>(name: string, all: readonly T[]) => all.filter((one) => values(name).includes(one));
  return {
    text: (params.get("q") ?? "").slice(0, LONGEST_TEXT),
    status: known("status", STATUSES),
    priority: known("priority", PRIORITIES),
    assignee: values("assignee"),
    label: values("label"),
    due: known("due", DUES),
  };
}

/** The query string with these filters in place of its own; what else it says stays. */
export function writeFilters(filters: Filters, search: string | URLSearchParams = ""): string {
  const params = new URLSearchParams(search);
  const put = (name: string, value: string) => (value ? params.set(name, value) : params.delete(name));
  put("q", filters.text.trim() === "" ? "" : filters.text.slice(0, LONGEST_TEXT));
  for (const name of NAMES) put(name, filters[name].join(","));
  return params.toString().replaceAll("%2C", ",");
}

/** How many of the filters ask for something. */
export function countFilters(filters: Filters): number {
  return NAMES.filter((name) => filters[name].length > 0).length + (filters.text.trim() === "" ? 0 : 1);
}

export function matches(card: Card, filters: Filters, context: FilterContext): boolean {
  const { status, priority, assignee, label, due, text } = filters;
  const now = context.status[card.list] ?? card.status;
  if (status.length > 0 && !status.includes(now ?? "none")) return false;
  if (priority.length > 0 && !priority.includes(card.priority ?? "none")) return false;
  if (assignee.length > 0 && !assignee.some((who) => isFor(card, who, context.me))) return false;
  if (label.length > 0 && !label.some((one) => card.labels.includes(one))) return false;
  if (due.length > 0 && !due.some((one) => isDue(card, one, now, context.now))) return false;
  return text.trim() === "" || hasWords(card.title, text);
}

function isFor(card: Card, who: Id | "me" | "none", me: Id | undefined): boolean {
  if (who === "none") return card.assignees.length === 0;
  const person = who === "me" ? me : who;
  return person !== undefined && card.assignees.includes(person);
}

/** As the server has it: today counts what is past of today, a week ends with its Sunday, what is done is not overdue. */
function isDue(card: Card, due: Due, status: Status | null, now: Date): boolean {
  const day = dueDay(card);
  if (day === null) return due === "none";
  const today = dayNumber(now);
  switch (due) {
    case "none":
      return false;
    case "overdue":
      return status !== "done" && dueState(card, now) === "overdue";
    case "today":
      return day === today;
    case "week":
      return day >= today && day <= endOfWeek(today);
  }
}

let folded = { text: "", words: [] as string[] };

function hasWords(title: string, text: string): boolean {
  // One text is tried on every task of a board.
  if (folded.text !== text) folded = { text, words: fold(text).split(/\s+/) };
  const plain = fold(title);
  return folded.words.every((word) => plain.includes(word));
}
