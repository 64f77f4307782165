import { type KeyboardEvent, useRef, useState } from "react";
import type { ChecklistItem } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { announce, attempt } from "../../state";
import { boardActions, useBoards } from "../store";
import { ItemRow } from "./ItemRow";
import { type Removed, RemovedRow, useRemoved } from "./RemovedRow";
import { afterFor } from "./reorder";
import { Section } from "./Section";
import { useReorder } from "./use-reorder";

export const LONGEST_ITEM = 200;
const MOST_ITEMS = 100;

interface Props {
  board: Id;
  task: Id;
  items: ChecklistItem[];
  editable: boolean;
}

export function Checklist({ board, task, items, editable }: Props) {
  const { removed, remove, forget, undo } = useRemoved(board, task, items);
  const keys = useBoards((state) => state.keys);
  const ids = items.map((item) => item.id);
  const move = (from: number, to: number) => {
    const item = items[from];
    if (!item || to < 0 || to >= items.length || to === from) return;
    announce(`${item.text}, now ${to + 1} of ${items.length}`);
    void attempt(() => boardActions.changeItem(board, task, item.id, { after: afterFor(ids, from, to) }));
  };
  const reorder = useReorder(move);
  if (!editable && items.length === 0) return null;
  const done = items.filter((item) => item.done).length;

  const rows = items.map((item, index) => (
    <ItemRow
      key={keys[item.id] ?? item.id}
      item={item}
      index={index}
      editable={editable}
      shift={reorder.shift(index)}
      dragging={reorder.dragging === index}
      sorting={reorder.dragging !== null}
      handle={reorder.handle(index)}
      onMove={(by) => move(index, index + by)}
      onChange={(change) => void attempt(() => boardActions.changeItem(board, task, item.id, change))}
      onRemove={() => remove(index)}
    />
  ));
  if (removed)
    rows.splice(placeOf(removed, ids), 0, <RemovedRow key="removed" removed={removed} undo={undo} forget={forget} />);

  return (
    <Section
      title="Checklist"
      action={
        items.length > 0 && (
          <span className="text-xs text-ink-3 tabular-nums">
            {done} of {items.length} done
          </span>
        )
      }
    >
      {items.length > 0 && (
        <div aria-hidden="true" className="mt-1 mb-2 h-1 overflow-hidden rounded-full bg-pressed">
          <div
            className="h-full rounded-full bg-accent transition-[width] duration-[120ms]"
            style={{ width: `${(100 * done) / items.length}%` }}
          />
        </div>
      )}
      <ul className="-mx-2">{rows}</ul>
      {editable && items.length < MOST_ITEMS && <NewItem board={board} task={task} />}
    </Section>
  );
}

function placeOf({ after }: Removed, ids: Id[]): number {
  return after === null ? 0 : ids.indexOf(after) + 1;
}

/** Enter adds and leaves the field ready for the next one; several pasted lines are several items. */
function NewItem({ board, task }: { board: Id; task: Id }) {
  const [text, setText] = useState("");
  const box = useRef<HTMLInputElement>(null);
  const add = (texts: string[]) => {
    for (const one of texts) void attempt(() => boardActions.addItem(board, task, one));
    setText("");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Enter" && text.trim() !== "") add([text.trim()]);
    else if (event.key === "Escape" && text !== "") setText("");
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <input
      ref={box}
      type="text"
      value={text}
      maxLength={LONGEST_ITEM}
      placeholder="Add an item"
      aria-label="Add an item"
      enterKeyHint="done"
      onChange={(event) => setText(event.target.value)}
      onKeyDown={onKeyDown}
      onBlur={() => text.trim() !== "" && add([text.trim()])}
      onPaste={(event) => {
        const lines = linesOf(event.clipboardData.getData("text/plain"));
        if (lines.length < 2) return;
        event.preventDefault();
        add(lines);
      }}
      className="-mx-2 h-8 w-[calc(100%+16px)] rounded-md bg-transparent pr-2 pl-8.5 text-sm outline-none placeholder:text-ink-3 hover:bg-hover focus:bg-field focus:shadow-[inset_0_0_0_1px_var(--accent)] max-md:text-base coarse:h-11 coarse:pl-11 coarse:text-[16px]"
    />
  );
}

function linesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) =>
      line
        .replace(/^\s*(?:[-*•]|\d+[.)])\s*(?:\[[ x]\]\s*)?/i, "")
        .trim()
        .slice(0, LONGEST_ITEM),
    )
    .filter((line) => line !== "");
}
