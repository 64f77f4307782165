/** What boards show outside their own pages: the tasks made from a message, and notices about one's own tasks. */
import { useEffect } from "react";
import { Link } from "wouter";
import { navigate } from "wouter/use-browser-location";
import type { LinkedTask } from "../../../core/boards/wire";
import { onOwnEntry, refreshLinks, useLinks } from "../../../core/links";
import type { Id } from "../../../core/wire";
import { note, useUi } from "../../state";
import { StatusMark } from "../parts/StatusMark";
import { taskPath } from "../paths";
import { noticeOf } from "./notices";

const NONE: LinkedTask[] = [];

function TasksOf({ room, message }: { room: Id; message: Id }) {
  const tasks = useLinks((state) => state.linked[message]) ?? NONE;
  useEffect(() => refreshLinks(room), [room]);
  if (tasks.length === 0) return null;
  return (
    <ul className="mt-1 flex flex-wrap gap-1.5" aria-label="Tasks made from this message">
      {tasks.map(({ task, board, title, status, archived }) => (
        <li key={task} className="max-w-full">
          <Link
            href={taskPath(board, task)}
            className="flex h-7 max-w-full items-center gap-1.5 rounded-md bg-raised pr-2 pl-1.5 text-sm shadow-[inset_0_0_0_1px_var(--line)] hover:bg-hover coarse:h-10"
          >
            <StatusMark status={status} />
            <span className={`truncate ${archived ? "text-ink-3 line-through" : ""}`}>{title}</span>
            {(archived || status === "done") && <span className="sr-only">{archived ? "archived" : "done"}</span>}
          </Link>
        </li>
      ))}
    </ul>
  );
}

onOwnEntry((entry) => {
  const notice = noticeOf(entry);
  if (notice) note(notice.text, false, { label: "Open", run: () => navigate(taskPath(notice.board, notice.task)) });
});

useUi.setState({ tasksOf: TasksOf });
