/** One's own stream, as far as it is about tasks, in one sentence each. */
import { navigate } from "wouter/use-browser-location";
import type { Comment } from "../../../core/boards/wire";
import type { Entry, Id } from "../../../core/wire";
import { personName } from "../../lib/names";
import { note } from "../../state";
import { useStore } from "../../store";
import { taskPath } from "../paths";

interface OwnTask {
  board: Id;
  task: Id;
  title: string;
  comment?: Comment | Id;
}

interface Notice {
  text: string;
  board: Id;
  task: Id;
}

/** Says what the entry tells, and offers to open the task. */
export function tell(entry: Entry): void {
  const notice = noticeOf(entry);
  if (notice) note(notice.text, false, { label: "Open", run: () => navigate(taskPath(notice.board, notice.task)) });
}

/** Null for what is told elsewhere or is one's own doing. */
function noticeOf({ kind, actor, data }: Entry): Notice | null {
  const { me, people } = useStore.getState();
  const { board, task, title } = data as OwnTask;
  if (!board || !task) return null;
  const who = personName(people[actor]);
  const told = (text: string) => ({ text, board, task });
  if (kind === "task.due") return told(`“${title}” is due.`);
  if (actor === me?.id) return null;
  if (kind === "task.assigned") return told(`${who} gave you “${title}”.`);
  if (kind === "task.unassigned") return told(`${who} took “${title}” off your list.`);
  if (kind === "comment.mentioned") return told(`${who} mentioned you in “${title}”.`);
  return null;
}
