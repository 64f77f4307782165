import { type CSSProperties, memo } from "react";
import { Link, useSearch } from "wouter";
import { statusOf } from "../../../core/boards/status";
import type { Card, Status } from "../../../core/boards/wire";
import { clockTime } from "../../lib/time";
import { softColour } from "../parts/colours";
import { useDue } from "../parts/due";
import { PRIORITY_NAMES, PriorityMark } from "../parts/PriorityMark";
import { STATUS_NAMES } from "../parts/StatusMark";
import { taskPath } from "../paths";
import { useBoards } from "../store";

interface Props {
  card: Card;
  editable: boolean;
  /** It is being dragged elsewhere. */
  lifted: boolean;
}

/** How far a task is. */
export function useStatus(card: Card): Status | null {
  return useBoards((state) => statusOf(state.boards[card.board]?.data?.lists, card));
}

/** A task in a calendar: one line on the colour of its first label. */
export const TaskChip = memo(function TaskChip({ card, editable, lifted }: Props) {
  const search = useSearch();
  const [first] = card.labels;
  const colour = useBoards((state) => first && state.boards[card.board]?.data?.labels[first]?.colour);
  const status = useStatus(card);
  const done = status === "done";
  const late = useDue(card)?.state === "overdue" && !done;
  const style: CSSProperties | undefined = colour && !done ? softColour(colour) : undefined;
  return (
    <Link
      href={taskPath(card.board, card.id, search)}
      draggable={false}
      data-drag-task={editable ? card.id : undefined}
      data-task={card.id}
      style={style}
      title={card.title}
      className={`flex h-5.5 min-w-0 items-center gap-1.5 rounded px-1.5 text-xs select-none focus-visible:-outline-offset-1 ${
        style
          ? "hover:brightness-97 dark:hover:brightness-110"
          : done
            ? "text-ink-3 hover:bg-hover"
            : "bg-hover hover:bg-pressed"
      } ${lifted ? "opacity-40" : ""} ${editable ? "cursor-grab" : ""}`}
    >
      {card.priority === "high" && !done && (
        <span className="inline-flex max-lg:hidden">
          <PriorityMark priority="high" named />
        </span>
      )}
      {late && !card.due_has_time && <span className="size-1.5 shrink-0 rounded-full bg-danger" aria-hidden="true" />}
      {card.due_has_time && card.due_at && (
        <span className={`shrink-0 tabular-nums ${late ? "font-semibold text-danger-ink" : "opacity-80"}`}>
          {clockTime(card.due_at)}
        </span>
      )}
      <span className={`truncate ${done ? "line-through" : ""} ${late ? "font-medium" : ""}`}>{card.title}</span>
      <span className="sr-only">
        {[
          late && "overdue",
          card.priority && `${PRIORITY_NAMES[card.priority]} priority`,
          status && STATUS_NAMES[status],
        ]
          .filter(Boolean)
          .map((word) => `, ${word}`)
          .join("")}
      </span>
    </Link>
  );
});
