/** Entries of a board's stream as plain sentences: "Anna moved Design logo from To do to Doing". */
import type { BoardList, Card, ChecklistItem, Comment, Label, Right, Task } from "../../../core/boards/wire";
import type { Entry, Id } from "../../../core/wire";
import { describeChange, describeChecklist } from "./activity-changes";
import { Known } from "./activity-known";

/** What the names in a sentence are resolved with; undefined for what is not known. */
export interface ActivityNames {
  person(id: Id): string;
  task(id: Id): string | undefined;
  list(id: Id): string | undefined;
  label(id: Id): string | undefined;
}

/** A piece of a sentence; with `task` it names that task. */
export interface ActivityPart {
  text: string;
  task?: Id;
}

export interface ActivityLine {
  entry: Entry;
  /** The actor's name comes first. */
  parts: ActivityPart[];
}

interface Options {
  me?: Id | undefined;
  /** All is about this task, so that it needs no name. */
  about?: Id;
}

const HOUSEKEEPING = new Set(["list.rebalanced", "board.rebalanced", "board.divided"]);

/** What nobody did on purpose: room was made in an order, clients got a stream of their own. */
export function isHousekeeping(entry: Entry): boolean {
  return HOUSEKEEPING.has(entry.kind);
}

/** Sentences for entries, newest first; the older ones tell what the newer ones changed. */
export function describeActivity(entries: Entry[], names: ActivityNames, options: Options = {}): ActivityLine[] {
  const known = new Known(entries, names);
  const lines = withoutSteps(entries.toReversed()).map((entry) => {
    const parts = describe(entry, known, options);
    known.apply(entry);
    const actor = entry.actor === options.me ? "You" : names.person(entry.actor);
    return { entry, parts: [{ text: actor }, ...parts] };
  });
  return lines.reverse();
}

const STEPS_MS = 600_000;

/** Of the changes that somebody makes to a checklist one after the other only the last, which has them all. */
function withoutSteps(oldestFirst: Entry[]): Entry[] {
  return oldestFirst.filter((entry, index) => {
    const next = oldestFirst[index + 1];
    return !(
      next &&
      entry.kind === "checklist.changed" &&
      next.kind === entry.kind &&
      next.actor === entry.actor &&
      (next.data as { task: Id }).task === (entry.data as { task: Id }).task &&
      Date.parse(next.at) - Date.parse(entry.at) < STEPS_MS
    );
  });
}

export function sentenceOf(line: ActivityLine): string {
  return line.parts.map((part) => part.text).join("");
}

/** A verb, with the word that leads to the task if there is one: what it says stands without the task as well. */
export type Verb = string | [does: string, to: string];
export type WithTask = (verb: Verb, task: Id, after?: string) => ActivityPart[];

const RIGHTS: Record<Right, string> = { view: "see it", comment: "comment", edit: "edit it", manage: "manage it" };

const say = (text: string): ActivityPart[] => [{ text: ` ${text}` }];

function describe(entry: Entry, known: Known, { me, about }: Options): ActivityPart[] {
  const { actor, kind } = entry;
  const data = entry.data as Record<string, unknown> & { id: Id; task: Id; list: Id; user: Id; name: string };
  const person = (id: Id) => (id === me ? "you" : known.person(id));
  const list = (id: Id) => known.list(id) ?? "another list";
  const withTask: WithTask = (verb, task, after = "") => {
    const [does, to] = typeof verb === "string" ? [verb, ""] : verb;
    if (task === about) return say(to ? `${does}${after}` : `${does} this task${after}`);
    const named = { text: known.task(task) ?? "a task", task };
    return [{ text: ` ${does}${to && ` ${to}`} ` }, named, ...(after ? [{ text: after }] : [])];
  };

  switch (kind) {
    case "task.created": {
      const card = data as unknown as Card;
      return card.message
        ? withTask("made", card.id, ` from a message, in ${list(card.list)}`)
        : withTask("added", card.id, ` to ${list(card.list)}`);
    }
    case "task.restored":
      return withTask("restored", data.id);
    case "task.archived":
      return withTask("archived", data.task);
    case "task.moved": {
      const from = known.listOf(data.task);
      if (from === data.list) return withTask("moved", data.task, ` within ${list(data.list)}`);
      return withTask("moved", data.task, `${from ? ` from ${list(from)}` : ""} to ${list(data.list)}`);
    }
    case "task.changed": {
      const changed = data.changed as Partial<Task>;
      // The repeat goes to the next one in the very moment in which this one is completed.
      if (changed.repeat === null && known.movedAt(data.task) === entry.at)
        return withTask("completed", data.task, ", and the next one was made");
      return describeChange(data.task, changed, known, withTask);
    }
    case "task.assigned":
      return data.user === actor
        ? withTask("took on", data.task)
        : withTask("gave", data.task, ` to ${person(data.user)}`);
    case "task.unassigned":
      return data.user === actor
        ? withTask("gave back", data.task)
        : withTask(`took ${person(data.user)} off`, data.task);
    case "checklist.changed":
      return describeChecklist(data.task, data.checklist as ChecklistItem[], known, withTask);
    case "comment.added":
      return withTask(
        (data as unknown as Comment).deleted ? ["wrote a comment, since deleted,", "on"] : ["commented", "on"],
        data.task,
      );
    case "comment.edited":
      return withTask(["edited a comment", "on"], data.task);
    case "comment.deleted":
      return withTask(["deleted a comment", "on"], data.task);
    case "list.created":
      return say(`added the list ${data.name}`);
    case "list.changed": {
      const before = known.listBefore(data.id);
      if (before && before !== data.name) return say(`renamed the list ${before} to ${data.name}`);
      const shown = (data as unknown as BoardList).shown_outside !== false;
      if (shown === (known.shownBefore(data.id) ?? shown)) return say(`changed the list ${data.name}`);
      return say(shown ? `showed the list ${data.name} to clients` : `hid the list ${data.name} from clients`);
    }
    case "list.moved":
      return say(`moved the list ${data.name}`);
    case "list.archived":
      return say(`archived the list ${data.name}`);
    case "list.restored":
      return say(`restored the list ${data.name}`);
    case "list.rebalanced":
      return say(`made room in the list ${list(data.list)}`);
    case "board.rebalanced":
      return say("made room among the lists");
    case "label.created":
      return say(`made the label ${data.name}`);
    case "label.changed": {
      const before = known.labelBefore(data.id);
      return say(
        before && before !== data.name
          ? `renamed the label ${before} to ${data.name}`
          : `changed the label ${data.name}`,
      );
    }
    case "label.removed": {
      const name = (data as unknown as Label).name ?? known.label(data.id);
      return say(name ? `removed the label ${name}` : "removed a label");
    }
    case "board.created":
      return say("made the board");
    case "board.changed": {
      const before = known.boardName;
      return say(
        before !== null && before !== data.name ? `renamed the board to ${data.name}` : "changed the board's settings",
      );
    }
    case "board.archived":
      return say("archived the board");
    case "board.restored":
      return say("restored the board");
    case "board.member_set":
      return say(`let ${person(data.user)} ${RIGHTS[data.right as Right] ?? "see it"}`);
    case "board.member_removed":
      return say(
        data.right
          ? `took back the right given to ${person(data.user)}`
          : data.user === actor
            ? "left the board"
            : `took ${person(data.user)} off the board`,
      );
    default:
      return say("changed something");
  }
}
