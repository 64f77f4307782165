import { Link } from "wouter";
import type { LinkedTask } from "../../../core/boards/wire";
import { StatusMark } from "../parts/StatusMark";
import { taskPath } from "../paths";

/** The tasks made from a message, beneath it. */
export default function LinkedTasks({ tasks }: { tasks: LinkedTask[] }) {
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
