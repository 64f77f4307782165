import { useEffect, useRef, useState } from "react";
import type { ChecklistItem } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { attempt } from "../../state";
import { boardActions, useBoards } from "../store";

const UNDO_MS = 8000;

export interface Removed {
  item: ChecklistItem;
  /** What it stood behind. */
  after: Id | null;
}

/** Removing an item, and how to take that back: the last one can be made again in its place. */
export function useRemoved(board: Id, task: Id, items: ChecklistItem[]) {
  const [removed, setRemoved] = useState<Removed | null>(null);
  return {
    removed,
    forget: () => setRemoved(null),
    remove(index: number) {
      const item = items[index];
      if (!item) return;
      setRemoved({ item, after: items[index - 1]?.id ?? null });
      void attempt(() => boardActions.removeItem(board, task, item.id)).then((gone) => !gone && setRemoved(null));
    },
    undo() {
      if (!removed) return;
      setRemoved(null);
      void attempt(() => putBack(board, task, removed));
    },
  };
}

/** The same words, tick and place in a new item. */
async function putBack(board: Id, task: Id, { item, after }: Removed): Promise<void> {
  const checklist = () => useBoards.getState().details[task]?.checklist ?? [];
  const before = new Set(checklist().map((one) => one.id));
  await boardActions.addItem(board, task, item.text);
  const made = checklist().findLast((one) => !before.has(one.id) && one.text === item.text);
  if (!made) return;
  const there = after === null || checklist().some((one) => one.id === after);
  await boardActions.changeItem(board, task, made.id, { done: item.done, ...(there ? { after } : {}) });
}

interface Props {
  removed: Removed;
  undo: () => void;
  forget: () => void;
}

/** Stands in the place of what was removed; it stays as long as the focus is on it. */
export function RemovedRow({ removed, undo, forget }: Props) {
  const button = useRef<HTMLButtonElement>(null);
  const [held, setHeld] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another removal takes the focus again
  useEffect(() => button.current?.focus(), [removed]);
  const leave = useRef(forget);
  leave.current = forget;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another removal begins anew
  useEffect(() => {
    if (held) return;
    const timer = setTimeout(() => leave.current(), UNDO_MS);
    return () => clearTimeout(timer);
  }, [held, removed]);
  return (
    <li role="status" className="flex min-h-8 items-center gap-2 rounded-md px-2 text-sm text-ink-3 coarse:min-h-11">
      <span className="min-w-0 truncate">Removed “{removed.item.text}”</span>
      <button
        ref={button}
        type="button"
        onClick={undo}
        onFocus={() => setHeld(true)}
        onBlur={() => setHeld(false)}
        className="shrink-0 rounded px-1 font-medium text-accent-ink hover:underline"
      >
        Undo
      </button>
    </li>
  );
}
