import { Plus } from "lucide-react";
import { type ClipboardEvent, type KeyboardEvent, useEffect, useRef, useState } from "react";
import type { Card, NewTask } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { plural } from "../../lib/names";
import { Button } from "../../parts/Button";
import { attempt, note } from "../../state";
import { useMatch } from "../filters/use-filters";
import { boardActions } from "../store";
import { linesOf, sortLines, titleProblem } from "./model/adding";
import { cellKey, laneChange } from "./model/grid";
import { useScene } from "./scene";
import { say, useBoardUi } from "./state";

/** What a task is without anything but its title. */
const NOTHING = { assignees: [], labels: [], priority: null, due_at: null, due_has_time: false } as unknown as Card;

interface Props {
  lane: string;
  list: Id;
  end: "top" | "bottom";
}

/** Where a new task is written, while it is asked for. */
export function QuickAdd({ lane, list, end }: Props) {
  const open = useBoardUi(({ adding }) => adding?.cell === cellKey(lane, list) && adding.end === end);
  return open ? <Field lane={lane} list={list} end={end} /> : null;
}

const close = () => useBoardUi.setState({ adding: null });

/** Enter adds and keeps the field for the next, Escape closes. Several pasted lines are several tasks, if wanted. */
function Field({ lane, list, end }: Props) {
  const scene = useScene();
  const fits = useMatch(scene.board);
  const [text, setText] = useState("");
  const [error, setError] = useState<string | null>(null);
  const [pasted, setPasted] = useState<string[] | null>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    field.current?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, []);

  const add = (title: string) => {
    const value = scene.laneValue(lane);
    const more = laneChange(NOTHING, scene.grid.by, null, value) ?? {};
    const task: NewTask = { list, title, ...(end === "top" ? { after: null } : {}), ...more };
    void attempt(() => boardActions.createTask(scene.board, task));
    if (fits && !fits({ ...NOTHING, ...task })) note("Added. The filter hides it.");
    say(`Added ${title}`);
  };
  const submit = () => {
    const title = text.trim();
    const problem = titleProblem(title);
    setError(problem);
    if (problem) return;
    add(title);
    setText("");
    requestAnimationFrame(() => {
      if (end === "bottom") scene.cells.get(cellKey(lane, list))?.virtualizer.scrollToEnd();
      field.current?.scrollIntoView({ block: "nearest" });
    });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Enter") {
      event.preventDefault();
      submit();
    } else if (event.key === "Escape") close();
  };
  const onPaste = (event: ClipboardEvent) => {
    const lines = linesOf(event.clipboardData.getData("text/plain"));
    if (lines.length < 2) return;
    event.preventDefault();
    setPasted(lines);
  };
  const addAll = (lines: string[]) => {
    const { good, bad } = sortLines(lines);
    // At the top each goes in front of the one before it.
    for (const line of end === "top" ? good.toReversed() : good) add(line);
    setPasted(null);
    setText(bad.join(" "));
    setError(bad.length > 0 ? `${plural(bad.length, "line")} left: a title has 3 to 100 characters.` : null);
    field.current?.focus();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it only notes that the focus has left what is in it
    <div
      className={end === "top" ? "pb-2" : "pt-2"}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget) && text.trim() === "" && !pasted) close();
      }}
    >
      <textarea
        ref={field}
        // biome-ignore lint/a11y/noAutofocus: it was asked for
        autoFocus
        value={text}
        rows={1}
        placeholder="What is to be done?"
        aria-label="Title of the new task"
        aria-invalid={error ? true : undefined}
        onChange={(event) => {
          setText(event.target.value.replaceAll("\n", " "));
          setError(null);
        }}
        onKeyDown={onKeyDown}
        onPaste={onPaste}
        className="block w-full resize-none rounded-lg bg-field px-3 py-2.5 text-sm leading-5 shadow-[inset_0_0_0_1px_var(--line-strong)] outline-accent [field-sizing:content] placeholder:text-ink-3 focus:outline-2 coarse:text-[16px]"
      />
      {pasted ? (
        <div className="mt-2 px-1 text-sm" role="alert">
          <p className="text-ink-2">Add {plural(pasted.length, "task")}, one for each line?</p>
          <div className="mt-2 flex gap-2">
            <Button small look="primary" onClick={() => addAll(pasted)}>
              Add {pasted.length}
            </Button>
            <Button
              small
              look="quiet"
              onClick={() => {
                setText(`${text} ${pasted.join(" ")}`.trim());
                setPasted(null);
                field.current?.focus();
              }}
            >
              Keep as one
            </Button>
          </div>
        </div>
      ) : (
        <div className="mt-1 flex items-center gap-2 px-1">
          <p
            className={`min-w-0 grow text-xs ${error ? "text-danger-ink" : "text-ink-3"}`}
            role={error ? "alert" : undefined}
          >
            {error ?? <span className="coarse:hidden">Enter adds, Escape closes</span>}
          </p>
          <span className="hidden gap-2 coarse:flex">
            <Button small look="primary" onClick={submit}>
              Add
            </Button>
            <Button small look="quiet" onClick={close}>
              Done
            </Button>
          </span>
        </div>
      )}
    </div>
  );
}

/** Opens the field at the end of a list. */
export function AddTask({ lane, list, quiet = false }: { lane: string; list: Id; quiet?: boolean }) {
  const cell = cellKey(lane, list);
  const open = useBoardUi(({ adding }) => adding?.cell === cell && adding.end === "bottom");
  if (open) return null;
  return (
    <button
      type="button"
      onClick={() => useBoardUi.setState({ adding: { cell, end: "bottom" } })}
      className={`flex h-9 w-full items-center gap-2 rounded-lg px-3 text-sm text-ink-3 transition-colors hover:bg-hover hover:text-ink coarse:h-11 ${
        quiet ? "opacity-0 group-hover/cell:opacity-100 focus-visible:opacity-100 coarse:opacity-100" : ""
      }`}
    >
      <Plus size={16} strokeWidth={1.75} aria-hidden="true" />
      Add a task
    </button>
  );
}
