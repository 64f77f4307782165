import type { Card, ChecklistItem, Task } from "../../../core/boards/wire";
import type { Entry, Id } from "../../../core/wire";
import type { ActivityNames } from "./activity";

interface TaskKnown {
  list?: Id;
  labels?: Id[];
  checklist?: ChecklistItem[];
  timed?: boolean;
  /** When it was last moved, or done where it stands. */
  movedAt?: string;
}

/** Names, and what a board's entries told so far, from the oldest on. */
export class Known {
  boardName: string | null = null;
  private readonly titles = new Map<Id, string>();
  private readonly listNames = new Map<Id, string>();
  private readonly labelNames = new Map<Id, string>();
  private readonly tasks = new Map<Id, TaskKnown>();
  private readonly listsSoFar = new Map<Id, string>();
  private readonly shownSoFar = new Map<Id, boolean>();
  private readonly labelsSoFar = new Map<Id, string>();
  private readonly names: ActivityNames;

  /** `entries` newest first: what is no longer on the board has the last name they tell. */
  constructor(entries: Entry[], names: ActivityNames) {
    this.names = names;
    for (const entry of entries) {
      const data = entry.data as { id: Id; task: Id; name: string; title: string; changed?: { title?: string } };
      if (entry.kind.startsWith("list.") && data.name) setFirst(this.listNames, data.id, data.name);
      else if (entry.kind.startsWith("label.") && data.name) setFirst(this.labelNames, data.id, data.name);
      else if (entry.kind === "task.created" || entry.kind === "task.restored")
        setFirst(this.titles, data.id, data.title);
      else if (data.changed?.title) setFirst(this.titles, data.task, data.changed.title);
    }
  }

  person = (id: Id) => this.names.person(id);
  task = (id: Id) => this.names.task(id) ?? this.titles.get(id);
  list = (id: Id) => this.names.list(id) ?? this.listNames.get(id);
  label = (id: Id) => this.names.label(id) ?? this.labelNames.get(id);

  listOf = (task: Id) => this.tasks.get(task)?.list;
  labelsOf = (task: Id) => this.tasks.get(task)?.labels;
  checklistOf = (task: Id) => this.tasks.get(task)?.checklist;
  timed = (task: Id) => this.tasks.get(task)?.timed;
  movedAt = (task: Id) => this.tasks.get(task)?.movedAt;
  listBefore = (id: Id) => this.listsSoFar.get(id);
  shownBefore = (id: Id) => this.shownSoFar.get(id);
  labelBefore = (id: Id) => this.labelsSoFar.get(id);

  apply(entry: Entry): void {
    const data = entry.data as Record<string, unknown> & { id: Id; task: Id; name: string };
    switch (entry.kind) {
      case "task.created":
      case "task.restored": {
        const { id, list, labels, due_has_time: timed } = data as unknown as Card;
        this.tasks.set(id, { list, labels, timed, checklist: (data as unknown as Task).checklist ?? [] });
        break;
      }
      case "task.moved":
        this.learn(data.task, { list: data.list as Id, movedAt: entry.at });
        break;
      case "task.archived":
        this.learn(data.task, { list: data.list as Id });
        break;
      case "task.changed": {
        const { labels, status, due_has_time: timed } = data.changed as Partial<Card>;
        if (status === "done") this.learn(data.task, { movedAt: entry.at });
        if (labels) this.learn(data.task, { labels });
        if (timed !== undefined) this.learn(data.task, { timed });
        break;
      }
      case "checklist.changed":
        this.learn(data.task, { checklist: data.checklist as ChecklistItem[] });
        break;
      case "board.created":
      case "board.changed":
        this.boardName = data.name;
        break;
      default:
        if (entry.kind.startsWith("list.") && data.name) {
          this.listsSoFar.set(data.id, data.name);
          this.shownSoFar.set(data.id, data.shown_outside !== false);
        }
        if (entry.kind.startsWith("label.") && data.name) this.labelsSoFar.set(data.id, data.name);
    }
  }

  private learn(task: Id, more: TaskKnown): void {
    this.tasks.set(task, { ...this.tasks.get(task), ...more });
  }
}

function setFirst(map: Map<Id, string>, id: Id, name: string): void {
  if (!map.has(id)) map.set(id, name);
}
