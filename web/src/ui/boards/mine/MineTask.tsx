import { Check } from "lucide-react";
import { memo } from "react";
import { Link } from "wouter";
import type { Card } from "../../../core/boards/wire";
import { tip } from "../../parts/tip";
import { BoardMark } from "../index/BoardMark";
import { ChecklistCount } from "../parts/ChecklistCount";
import { DueChip } from "../parts/DueChip";
import { PriorityMark } from "../parts/PriorityMark";
import { taskPath } from "../paths";
import { useBoards } from "../store";

interface Props {
  card: Card;
  finished: boolean;
  onToggle: (card: Card, done: boolean) => void;
}

/** One of my tasks: to check off, or to open on its board. */
export const MineTask = memo(function MineTask({ card, finished, onToggle }: Props) {
  const name = useBoards((state) => state.index?.[card.board]?.name ?? "");
  const right = useBoards((state) => state.index?.[card.board]?.right);
  const editable = right === "edit" || right === "manage";
  return (
    <div
      className="relative flex h-full items-center gap-3 border-b border-line transition-colors hover:bg-hover max-md:items-start max-md:pt-2"
      data-task={card.id}
    >
      <CheckOff card={card} finished={finished} editable={editable} onToggle={onToggle} />
      <span className="flex min-w-0 grow gap-x-4 max-md:flex-col md:items-center">
        <Link
          href={taskPath(card.board, card.id)}
          className={`min-w-0 truncate rounded after:absolute after:inset-0 md:grow ${finished ? "text-ink-3 line-through" : ""}`}
        >
          {card.title}
        </Link>
        <span className="flex min-w-0 items-center gap-4">
          <ChecklistCount done={card.items_done} items={card.items} />
          {card.priority && <PriorityMark priority={card.priority} />}
          <span className="md:flex md:w-32 md:justify-end">
            <DueChip card={card} done={finished} />
          </span>
          <span className="flex min-w-0 items-center gap-2 text-sm text-ink-3 md:w-40">
            <BoardMark board={card.board} className="size-4" />
            <span className="truncate">{name}</span>
          </span>
        </span>
      </span>
    </div>
  );
});

function CheckOff({ card, finished, editable, onToggle }: Props & { editable: boolean }) {
  const hint = editable ? (finished ? "To do again" : "Done") : "You may not change this board";
  return (
    <label
      {...tip(hint, undefined, "right")}
      className={`group relative z-1 -ml-2 inline-flex size-9 shrink-0 items-center justify-center rounded-full has-focus-visible:outline-2 has-focus-visible:outline-accent max-md:-mt-2 max-md:-mb-1 coarse:size-11 ${editable ? "cursor-pointer" : ""}`}
    >
      <input
        type="checkbox"
        checked={finished}
        disabled={!editable}
        onChange={() => onToggle(card, !finished)}
        aria-label={`Done: ${card.title}`}
        className="peer sr-only"
      />
      <span
        className={`inline-flex size-5 items-center justify-center rounded-full text-transparent transition-colors peer-checked:bg-accent peer-checked:text-on-accent ${
          editable
            ? "shadow-[inset_0_0_0_1.5px_var(--line-strong)] group-hover:text-accent-ink group-hover:shadow-[inset_0_0_0_1.5px_var(--accent)]"
            : "shadow-[inset_0_0_0_1.5px_var(--line)]"
        }`}
      >
        <Check size={14} strokeWidth={2.5} aria-hidden="true" />
      </span>
    </label>
  );
}
