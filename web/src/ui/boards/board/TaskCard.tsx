import { AlignLeft, Clock3, Ellipsis, MessageSquare, MessageSquareQuote } from "lucide-react";
import { memo, useId, useLayoutEffect, useRef } from "react";
import { listStatus } from "../../../core/boards/status";
import type { Card, Label } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { plural } from "../../lib/names";
import { ICON } from "../../parts/icon";
import { ChecklistCount } from "../parts/ChecklistCount";
import { DueChip } from "../parts/DueChip";
import { LabelChip } from "../parts/LabelChip";
import { PeopleStack } from "../parts/PeopleStack";
import { PriorityMark } from "../parts/PriorityMark";
import { STATUS_NAMES, StatusMark } from "../parts/StatusMark";
import { useBoards } from "../store";
import { CardTitle } from "./CardTitle";
import { hasFacts } from "./estimate";
import { Lookers, TouchedMark } from "./Others";
import { useCard, useEditable, useScene } from "./scene";
import { useBoardUi } from "./state";

const NO_LABELS: Record<Id, Label> = {};
export const KEYS_HELP = "board-keys";

interface Props {
  task: Id;
  lane: string;
  /** Carried with the keyboard. */
  lifted: boolean;
}

/** One task on the board. Memoised, and reads its own card: what changes elsewhere does not draw it. */
export const TaskCard = memo(function TaskCard({ task, lane, lifted }: Props) {
  const { board } = useScene();
  const id = useId();
  const card = useCard(board, task);
  const editable = useEditable(board);
  const box = useRef<HTMLElement>(null);
  const called = useBoardUi((ui) => ui.called?.task === task && ui.called.lane === lane);
  useLayoutEffect(() => {
    if (!called) return;
    box.current?.focus({ preventScroll: true });
    useBoardUi.setState({ called: null });
  }, [called]);
  const selected = useBoardUi((ui) => ui.selected.has(task));
  const here = useBoardUi((ui) => ui.cursor?.task === task && ui.cursor.lane === lane);
  const open = useBoardUi((ui) => ui.open === task);
  const pending = useBoards((state) => (state.boards[board]?.pending[task] ?? 0) > 0);
  const editing = useBoardUi((ui) => ui.editing === task && ui.cursor?.lane === lane);
  const company = useBoardUi(({ carried }) => (lifted && carried?.kind === "tasks" ? carried.ids.length : 1));
  if (!card) return null;
  return (
    <article
      ref={box}
      data-card
      data-task={task}
      data-lane={lane}
      data-list={card.list}
      tabIndex={here ? 0 : -1}
      aria-labelledby={`${id}-title ${id}-facts`}
      aria-describedby={editable ? KEYS_HELP : undefined}
      className={`group/card relative cursor-default rounded-lg px-3 py-2.5 text-sm select-none max-md:text-[15px] [-webkit-touch-callout:none] ${
        selected
          ? "bg-accent-soft shadow-[inset_0_0_0_1.5px_var(--accent)]"
          : open
            ? "bg-raised shadow-[inset_0_0_0_1.5px_var(--accent)]"
            : "bg-raised shadow-[inset_0_0_0_1px_var(--line)] hover:shadow-[inset_0_0_0_1px_var(--line-strong)]"
      } ${lifted ? "z-10 shadow-float outline-2 outline-accent" : ""}`}
    >
      <Labels board={board} ids={card.labels} />
      <CardTitle id={`${id}-title`} card={card} editing={editing} selected={selected} />
      <Facts id={`${id}-facts`} card={card} />
      {company > 1 && <Count of={company} />}
      {pending && <Pending />}
      {!editing && (
        <button
          type="button"
          tabIndex={-1}
          aria-label={`Menu of ${card.title}`}
          onClick={(event) => useBoardUi.setState({ menu: { task, lane, anchor: event.currentTarget } })}
          className="absolute top-1 right-1 inline-flex size-7 items-center justify-center rounded-md bg-inherit text-ink-3 opacity-0 transition-opacity group-hover/card:opacity-100 hover:text-ink focus-visible:opacity-100 coarse:top-0 coarse:right-0 coarse:size-10 coarse:bg-transparent coarse:opacity-100"
        >
          <Ellipsis {...ICON} />
        </button>
      )}
      <Lookers board={board} task={task} />
      <TouchedMark board={board} task={task} />
    </article>
  );
});

/** Told by and by: most changes have long arrived by then. */
function Pending() {
  return (
    <span
      title="On its way to the server"
      className="absolute top-2.5 right-2.5 text-ink-3 opacity-100 transition-opacity delay-700 starting:opacity-0 coarse:right-10"
    >
      <Clock3 size={14} strokeWidth={1.75} aria-hidden="true" />
      <span className="sr-only">On its way to the server</span>
    </span>
  );
}

/** How many are carried together. */
export function Count({ of }: { of: number }) {
  return (
    <span className="absolute -top-2 -right-2 inline-flex h-5 min-w-5 items-center justify-center rounded-full bg-accent px-1.5 text-2xs font-semibold text-on-accent tabular-nums">
      {of}
    </span>
  );
}

export function Labels({ board, ids }: { board: Id; ids: Id[] }) {
  const labels = useBoards((state) => state.boards[board]?.data?.labels) ?? NO_LABELS;
  if (ids.length === 0) return null;
  return (
    <div className="mb-1.5 flex flex-wrap gap-1 pr-5">
      {ids.map((id) => labels[id] && <LabelChip key={id} label={labels[id]} />)}
    </div>
  );
}

export function Facts({ id, card }: { id?: string; card: Card }) {
  const given = useBoards((state) => listStatus(state.boards[card.board]?.data?.lists, card.list));
  const own = given === null ? card.status : null;
  if (!hasFacts(card)) return null;
  return (
    <div id={id} className="mt-2 flex min-h-5 flex-wrap items-center gap-x-2.5 gap-y-1 text-xs text-ink-3">
      {own && (
        <span className="inline-flex" title={STATUS_NAMES[own]}>
          <StatusMark status={own} />
          <span className="sr-only">{STATUS_NAMES[own]}</span>
        </span>
      )}
      {card.priority && <PriorityMark priority={card.priority} />}
      <DueChip card={card} done={(given ?? own) === "done"} />
      <ChecklistCount done={card.items_done} items={card.items} />
      {card.comments > 0 && (
        <span className="inline-flex items-center gap-1 tabular-nums" title={plural(card.comments, "comment")}>
          <MessageSquare size={14} strokeWidth={1.75} aria-hidden="true" />
          {card.comments}
          <span className="sr-only"> {card.comments === 1 ? "comment" : "comments"}</span>
        </span>
      )}
      {card.message && (
        <span title="Made from a message">
          <MessageSquareQuote size={14} strokeWidth={1.75} aria-hidden="true" />
          <span className="sr-only">Made from a message</span>
        </span>
      )}
      {card.described && (
        <span title="Has a description">
          <AlignLeft size={14} strokeWidth={1.75} aria-hidden="true" />
          <span className="sr-only">Has a description</span>
        </span>
      )}
      <span className="ml-auto">
        <PeopleStack board={card.board} ids={card.assignees} on="var(--raised)" />
      </span>
    </div>
  );
}
