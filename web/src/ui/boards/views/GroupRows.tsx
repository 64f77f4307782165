/* biome-ignore-all lint/a11y/useSemanticElements: only the rows in sight exist, each in its own place, so the table is one by its roles */
/* biome-ignore-all lint/a11y/useFocusableInteractive: what is in rows and cells can be focused */
import { ChevronRight, Plus } from "lucide-react";
import { type FormEvent, memo, useState } from "react";
import type { BoardList } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { plural } from "../../lib/names";
import { IconButton } from "../../parts/IconButton";
import { attempt } from "../../state";
import { HiddenMark } from "../parts/outside";
import { STATUS_NAMES, StatusMark } from "../parts/StatusMark";
import { boardActions } from "../store";

interface HeadProps {
  list: BoardList;
  count: number;
  closed: boolean;
  onToggle: (list: Id) => void;
  onAdd?: (list: Id) => void;
}

/** The head of a list: opens and closes it, and adds a task. */
export const ListHead = memo(function ListHead({ list, count, closed, onToggle, onAdd }: HeadProps) {
  return (
    <div
      role="rowheader"
      aria-colspan={5}
      className="flex h-full items-center gap-1 border-b border-line bg-sunken pr-2 pl-2 md:pr-4 md:pl-3"
      data-list={list.id}
    >
      <button
        type="button"
        aria-expanded={!closed}
        onClick={() => onToggle(list.id)}
        className="flex h-8 min-w-0 items-center gap-2 rounded-md px-1.5 text-left hover:bg-hover coarse:h-10"
      >
        <ChevronRight
          size={16}
          aria-hidden="true"
          className={`shrink-0 text-ink-3 transition-transform ${closed ? "" : "rotate-90"}`}
        />
        <StatusMark status={list.status} />
        <span className="truncate text-sm font-semibold">{list.name}</span>
        <span className="sr-only">{list.status && STATUS_NAMES[list.status]}</span>
        {!list.shown_outside && <HiddenMark />}
        <span className="text-xs text-ink-3 tabular-nums" aria-hidden="true">
          {count.toLocaleString()}
        </span>
        <span className="sr-only">, {plural(count, "task")}</span>
      </button>
      <span className="grow" />
      {onAdd && <IconButton small icon={Plus} label={`Add a task to ${list.name}`} onClick={() => onAdd(list.id)} />}
    </div>
  );
});

export function NoTasks() {
  return (
    <div
      role="cell"
      aria-colspan={5}
      className="flex h-full items-center border-b border-line px-4 text-sm text-ink-3 md:px-11"
    >
      No tasks
    </div>
  );
}

const SHORTEST = 3;

/** Makes one task after the other at the front of a list; Escape ends it. */
export function AddRow({ board, list, onDone }: { board: Id; list: Id; onDone: () => void }) {
  const [title, setTitle] = useState("");
  const [short, setShort] = useState(false);
  const add = (event: FormEvent) => {
    event.preventDefault();
    const said = title.trim();
    if (said === "") return onDone();
    if (said.length < SHORTEST) return setShort(true);
    setTitle("");
    void attempt(() => boardActions.createTask(board, { list, title: said, after: null }));
  };
  return (
    <div role="cell" aria-colspan={5} className="h-full border-b border-line px-4 md:px-11">
      <form onSubmit={add} className="flex h-full items-center gap-3">
        <input
          // biome-ignore lint/a11y/noAutofocus: it was just asked for
          autoFocus
          value={title}
          maxLength={100}
          onChange={(event) => {
            setTitle(event.target.value);
            setShort(false);
          }}
          onKeyDown={(event) => event.key === "Escape" && onDone()}
          onBlur={() => title.trim() === "" && onDone()}
          aria-label="Title of the new task"
          aria-invalid={short}
          placeholder="What is to be done? Enter adds it"
          className="h-8 min-w-0 grow rounded-md bg-field px-2 text-sm shadow-[inset_0_0_0_1px_var(--line-strong)] placeholder:text-ink-3 focus:outline-2 focus:outline-accent coarse:h-11 coarse:text-[16px]"
        />
        {short && (
          <span role="alert" className="shrink-0 text-sm text-danger-ink">
            At least three characters.
          </span>
        )}
      </form>
    </div>
  );
}
