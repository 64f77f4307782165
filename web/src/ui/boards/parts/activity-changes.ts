/** What changed in a task's fields and checklist, in words. */
import type { ChecklistItem, Task } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { listNames } from "../../lib/names";
import type { ActivityPart, Verb, WithTask } from "./activity";
import type { Known } from "./activity-known";
import { dueDate } from "./due";
import { PRIORITY_NAMES } from "./PriorityMark";
import { repeatWords } from "./repeat";
import { STATUS_NAMES } from "./StatusMark";

const MOST_NAMES = 4;

interface Change {
  field: string;
  /** What it is now; null when it was taken away, undefined when that is too much to say. */
  value?: string | null;
}

function changesIn(task: Id, changed: Partial<Task>, known: Known): Change[] {
  const changes: Change[] = [];
  const { title, description, status, priority, due_at, due_has_time, repeat, labels } = changed;
  if (title !== undefined) changes.push({ field: "title", value: title });
  if (description !== undefined) changes.push({ field: "description" });
  if (status !== undefined) changes.push({ field: "status", value: status && STATUS_NAMES[status] });
  if (priority !== undefined)
    changes.push({ field: "priority", value: priority && PRIORITY_NAMES[priority].toLowerCase() });
  if (due_at !== undefined) {
    const timed = due_has_time ?? known.timed(task) ?? false;
    changes.push({ field: "due date", value: due_at && dueDate({ due_at, due_has_time: timed }) });
  } else if (due_has_time !== undefined) changes.push({ field: "due time" });
  if (repeat !== undefined) changes.push({ field: "repeat", value: repeat && lowerFirst(repeatWords(repeat)) });
  if (labels !== undefined) changes.push({ field: "labels" });
  return changes;
}

const lowerFirst = (text: string) => text.charAt(0).toLowerCase() + text.slice(1);

/** `changed` has the fields with their new values. */
export function describeChange(task: Id, changed: Partial<Task>, known: Known, withTask: WithTask): ActivityPart[] {
  const changes = changesIn(task, changed, known);
  const [only] = changes;
  if (!only) return withTask("changed", task);
  if (changes.length > 1) {
    const fields = changes.map(({ field }) => `the ${field}`);
    return withTask([`changed ${listNames(fields, fields.length)}`, "of"], task);
  }
  if (only.field === "title") return withTask("renamed", task, ` to ${only.value}`);
  if (only.field === "labels") return withTask(describeLabels(changed.labels ?? [], known.labelsOf(task), known), task);
  if (only.value === null) return withTask([`removed the ${only.field}`, "from"], task);
  return only.value === undefined
    ? withTask([`changed the ${only.field}`, "of"], task)
    : withTask([`set the ${only.field}`, "of"], task, ` to ${only.value}`);
}

/** What came and what went, when it is known what there was; else what there is. */
function describeLabels(labels: Id[], before: Id[] | undefined, known: Known): Verb {
  const names = (ids: Id[]) => {
    const found = ids.map((id) => known.label(id) ?? "since removed");
    return `${ids.length === 1 ? "label" : "labels"} ${listNames(found, MOST_NAMES)}`;
  };
  if (before === undefined)
    return labels.length > 0 ? [`set the ${names(labels)}`, "of"] : ["removed all labels", "from"];
  const come = labels.filter((id) => !before.includes(id));
  const gone = before.filter((id) => !labels.includes(id));
  if (come.length > 0 && gone.length > 0) return [`replaced the ${names(gone)} by the ${names(come)}`, "of"];
  return come.length > 0 ? [`added the ${names(come)}`, "to"] : [`removed the ${names(gone)}`, "from"];
}

export function describeChecklist(task: Id, items: ChecklistItem[], known: Known, withTask: WithTask): ActivityPart[] {
  const before = known.checklistOf(task);
  const verbs = before ? verbsFor(before, items) : [];
  const [only] = verbs;
  if (only && verbs.length === 1) return withTask([only, "of"], task);
  if (before && verbs.length === 0) return withTask(["put the checklist into another order", "of"], task);
  const done = items.filter((item) => item.done).length;
  const count = items.length > 0 ? `, now ${done} of ${items.length} done` : ", now empty";
  return withTask(["changed the checklist", "of"], task, count);
}

/** What was done to get from one checklist to the other, but for the order. */
function verbsFor(before: ChecklistItem[], items: ChecklistItem[]): string[] {
  const was = new Map(before.map((item) => [item.id, item]));
  const is = new Set(items.map((item) => item.id));
  const kept = items.filter((item) => was.has(item.id));
  const quoted = (found: ChecklistItem[]) => listNames(found.map(quote), MOST_NAMES);
  const added = items.filter((item) => !was.has(item.id));
  const removed = before.filter((item) => !is.has(item.id));
  const ticked = kept.filter((item) => item.done && !was.get(item.id)?.done);
  const unticked = kept.filter((item) => !item.done && was.get(item.id)?.done);
  const reworded = kept.filter((item) => was.get(item.id)?.text !== item.text);
  const [one] = reworded;
  return [
    ...(added.length > 0 ? [`added ${quoted(added)} to the checklist`] : []),
    ...(removed.length > 0 ? [`removed ${quoted(removed)} from the checklist`] : []),
    ...(ticked.length > 0 ? [`ticked ${quoted(ticked)}`] : []),
    ...(unticked.length > 0 ? [`unticked ${quoted(unticked)}`] : []),
    ...(one && reworded.length === 1
      ? [`reworded “${was.get(one.id)?.text}” as ${quote(one)} on the checklist`]
      : reworded.length > 0
        ? [`reworded ${quoted(reworded)} on the checklist`]
        : []),
  ];
}

const quote = (item: ChecklistItem) => `“${item.text}”`;
