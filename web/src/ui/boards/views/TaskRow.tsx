/* biome-ignore-all lint/a11y/useSemanticElements: only the rows in sight exist, each in its own place, so the table is one by its roles */
/* biome-ignore-all lint/a11y/useFocusableInteractive: what is in rows and cells can be focused */
import { AlignLeft, MessageSquare } from "lucide-react";
import { memo, type ReactElement, type ReactNode } from "react";
import { Link, useSearch } from "wouter";
import { listStatus } from "../../../core/boards/status";
import type { Card, Status, TaskChange } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { briefTime } from "../../lib/time";
import { attempt } from "../../state";
import { AssigneePicker } from "../parts/AssigneePicker";
import { ChecklistCount } from "../parts/ChecklistCount";
import { DueChip } from "../parts/DueChip";
import { DuePicker } from "../parts/DuePicker";
import { LabelChip } from "../parts/LabelChip";
import { PeopleStack } from "../parts/PeopleStack";
import type { PickerProps } from "../parts/Picker";
import { PRIORITY_NAMES, PriorityMark } from "../parts/PriorityMark";
import { PriorityPicker } from "../parts/PriorityPicker";
import { STATUS_NAMES, StatusMark } from "../parts/StatusMark";
import { taskPath } from "../paths";
import { boardActions, useBoards } from "../store";
import { COLUMNS, WIDE_ONLY } from "./ListColumns";
import { OnDemand } from "./OnDemand";

interface Props {
  board: Id;
  task: Id;
  editable: boolean;
  /** Its panel is open. */
  current: boolean;
  phone: boolean;
}

/** A task as a row; draws anew only when this task changes. */
export const TaskRow = memo(function TaskRow({ board, task, editable, current, phone }: Props) {
  const card = useBoards((state) => state.boards[board]?.data?.tasks[task]);
  const given = useBoards((state) => {
    const data = state.boards[board]?.data;
    return listStatus(data?.lists, data?.tasks[task]?.list ?? "");
  });
  const touched = useBoards((state) => state.boards[board]?.touched[task]);
  if (!card) return null;
  const own = given === null ? card.status : null;
  const done = (given ?? own) === "done";
  const look = current ? "bg-accent-soft" : "hover:bg-hover";
  return (
    <div
      className={`group relative h-full border-b border-line transition-colors ${look} max-md:px-4 ${COLUMNS}`}
      data-task={task}
    >
      {touched && (
        <span key={touched.at} className="flash pointer-events-none absolute inset-0 -z-1" aria-hidden="true" />
      )}
      {phone ? (
        <PhoneCells card={card} own={own} done={done} />
      ) : (
        <WideCells card={card} own={own} done={done} editable={editable} />
      )}
    </div>
  );
});

interface CellsProps {
  card: Card;
  /** Where its list has none. */
  own: Status | null;
  done: boolean;
}

function Title({ card, done }: Pick<CellsProps, "card" | "done">) {
  const search = useSearch();
  return (
    <Link
      href={taskPath(card.board, card.id, search)}
      data-row-link={card.id}
      className={`truncate rounded after:absolute after:inset-0 focus-visible:outline-offset-2 ${done ? "text-ink-3" : ""}`}
    >
      {card.title}
    </Link>
  );
}

function Labels({ card, most }: { card: Card; most: number }) {
  const labels = useBoards((state) => state.boards[card.board]?.data?.labels);
  return card.labels.slice(0, most).map((id) => labels?.[id] && <LabelChip key={id} label={labels[id]} />);
}

function Own({ status }: { status: Status }) {
  return (
    <span className="inline-flex" title={STATUS_NAMES[status]}>
      <StatusMark status={status} />
      <span className="sr-only">{STATUS_NAMES[status]}</span>
    </span>
  );
}

function Marks({ card }: { card: Card }) {
  return (
    <>
      {card.described && (
        <span className="inline-flex text-ink-3" title="Has a description">
          <AlignLeft size={14} strokeWidth={1.75} aria-hidden="true" />
          <span className="sr-only">Has a description</span>
        </span>
      )}
      <ChecklistCount done={card.items_done} items={card.items} />
      {card.comments > 0 && (
        <span className="inline-flex items-center gap-1 text-xs text-ink-3 tabular-nums">
          <MessageSquare size={14} strokeWidth={1.75} aria-hidden="true" />
          {card.comments}
          <span className="sr-only"> comments</span>
        </span>
      )}
    </>
  );
}

function PhoneCells({ card, own, done }: CellsProps) {
  const { priority, due_at, described, items, comments, labels, assignees } = card;
  const more = own || priority || due_at || described || items || comments || labels.length || assignees.length;
  return (
    <div role="cell" aria-colspan={5} className="flex h-full flex-col justify-center gap-0.5">
      <Title card={card} done={done} />
      <div className={`h-5 min-w-0 items-center gap-3 overflow-hidden ${more ? "flex" : "hidden"}`}>
        {own && <Own status={own} />}
        {priority && <PriorityMark priority={priority} />}
        <DueChip card={card} done={done} />
        <Marks card={card} />
        <span className="flex min-w-0 gap-1 overflow-hidden">
          <Labels card={card} most={2} />
        </span>
        <span className="grow" />
        <PeopleStack board={card.board} ids={assignees} />
      </div>
    </div>
  );
}

const CHANGER =
  "-ml-2 inline-flex h-7 min-w-8 items-center gap-2 rounded-md px-2 text-left text-xs whitespace-nowrap text-ink-2 hover:bg-hover hover:text-ink data-popup-open:bg-hover";

function WideCells({ card, own, done, editable }: CellsProps & { editable: boolean }) {
  const change = (wanted: TaskChange) => void attempt(() => boardActions.changeTask(card.board, card.id, wanted));
  return (
    <>
      <Cell>
        <span className="flex min-w-0 grow items-center gap-3 pl-5">
          {own && <Own status={own} />}
          <Title card={card} done={done} />
          <Marks card={card} />
          <span className="ml-auto flex min-w-0 shrink-0 gap-1 px-3 @max-4xl:hidden">
            <Labels card={card} most={3} />
          </span>
        </span>
      </Cell>
      <Changeable
        editable={editable}
        label={`Priority of ${card.title}`}
        shown={
          <>
            <PriorityMark priority={card.priority} named />
            <span className="@max-4xl:sr-only">
              {card.priority ? PRIORITY_NAMES[card.priority] : <span className="sr-only">none</span>}
            </span>
          </>
        }
        kind="menu"
        picker={(picker) => (
          <PriorityPicker {...picker} priority={card.priority} onChange={(priority) => change({ priority })} />
        )}
      />
      <Changeable
        editable={editable}
        label={`Due date of ${card.title}`}
        shown={card.due_at ? <DueChip card={card} done={done} /> : <Unset editable={editable}>Set a date</Unset>}
        kind="dialog"
        picker={(picker) => <DuePicker {...picker} due={card} onChange={change} />}
      />
      <Changeable
        editable={editable}
        label={`People of ${card.title}`}
        shown={
          card.assignees.length > 0 ? (
            <PeopleStack board={card.board} ids={card.assignees} />
          ) : (
            <Unset editable={editable}>Assign</Unset>
          )
        }
        kind="dialog"
        picker={(picker) => (
          <AssigneePicker
            {...picker}
            board={card.board}
            chosen={card.assignees}
            onChange={(assignees) => change({ assignees })}
          />
        )}
      />
      <Cell look={WIDE_ONLY}>
        <time dateTime={card.changed_at} className="truncate text-xs text-ink-3 tabular-nums">
          {briefTime(card.changed_at)}
        </time>
      </Cell>
    </>
  );
}

function Cell({ look = "", children }: { look?: string; children: ReactNode }) {
  return (
    <div role="cell" className={`flex min-w-0 items-center ${look}`}>
      {children}
    </div>
  );
}

/** What could be there: shown to the pointer and the keyboard only. */
function Unset({ editable, children }: { editable: boolean; children: string }) {
  if (!editable) return null;
  return (
    <span className="text-ink-3 opacity-0 group-focus-within:opacity-100 group-hover:opacity-100">{children}</span>
  );
}

interface ChangeableProps {
  editable: boolean;
  label: string;
  shown: ReactElement;
  kind: "menu" | "dialog";
  picker: (props: PickerProps) => ReactNode;
}

/** A cell that opens a picker for whoever may change it. */
function Changeable({ editable, label, shown, kind, picker }: ChangeableProps) {
  if (!editable) {
    return (
      <Cell>
        <span className="inline-flex min-w-0 items-center gap-2 text-xs text-ink-2">{shown}</span>
      </Cell>
    );
  }
  return (
    <Cell>
      <span className="relative z-1 min-w-0">
        <OnDemand kind={kind} picker={picker} className={CHANGER}>
          <span className="sr-only">{label}: </span>
          {shown}
        </OnDemand>
      </span>
    </Cell>
  );
}
