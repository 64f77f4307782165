import {
  CalendarClock,
  CircleDot,
  Columns3,
  type LucideIcon,
  MessageSquare,
  Repeat2,
  SignalHigh,
  Tag,
  Users,
} from "lucide-react";
import { type ButtonHTMLAttributes, Fragment, type ReactNode, type Ref, useMemo } from "react";
import { listStatus, statusOf } from "../../../core/boards/status";
import type { Card, Label, Status, TaskChange } from "../../../core/boards/wire";
import { personName } from "../../lib/names";
import { dayNumber, fromNow } from "../../lib/time";
import { Avatar } from "../../parts/Avatar";
import { attempt } from "../../state";
import { AssigneePicker } from "../parts/AssigneePicker";
import { DueChip } from "../parts/DueChip";
import { DuePicker } from "../parts/DuePicker";
import { dueDate, dueDay } from "../parts/due";
import { LabelChip } from "../parts/LabelChip";
import { LabelPicker } from "../parts/LabelPicker";
import { byName } from "../parts/labels";
import { ChoiceMenu } from "../parts/Picker";
import { PRIORITY_NAMES, PriorityMark } from "../parts/PriorityMark";
import { PriorityPicker } from "../parts/PriorityPicker";
import { useBoardPeople } from "../parts/people";
import { RepeatPicker } from "../parts/RepeatPicker";
import { repeatWords } from "../parts/repeat";
import { STATUS_NAMES, STATUSES, StatusMark } from "../parts/StatusMark";
import { boardActions, useBoards } from "../store";
import { FromMessage } from "./FromMessage";
import { useFlash } from "./use-flash";

const NONE = "none";
type StatusChoice = { value: Status | typeof NONE; name: string; mark: ReactNode };

interface Props {
  card: Card;
  editable: boolean;
}

/** What a task is besides its words: each a line that opens its picker. */
export function Fields({ card, editable }: Props) {
  const change = (fields: TaskChange) => void attempt(() => boardActions.changeTask(card.board, card.id, fields));
  const day = dueDay(card);
  const repeat = card.repeat ?? null;
  return (
    <div className="mt-3">
      <ListLine card={card} editable={editable} />
      <StatusLine card={card} editable={editable} change={change} />
      <PeopleLine card={card} editable={editable} change={change} />
      <LabelsLine card={card} editable={editable} change={change} />
      <Line card={card} icon={SignalHigh} name="Priority" value={card.priority}>
        <PriorityPicker
          priority={card.priority}
          onChange={(priority) => change({ priority })}
          trigger={
            <Value editable={editable} name="Priority" nothing={card.priority === null && "None"}>
              {card.priority && (
                <>
                  <PriorityMark priority={card.priority} named />
                  {PRIORITY_NAMES[card.priority]}
                </>
              )}
            </Value>
          }
        />
      </Line>
      <DueLine card={card} editable={editable} change={change} />
      {day !== null && (
        <Line card={card} icon={Repeat2} name="Repeat" value={card.repeat}>
          <RepeatPicker
            repeat={repeat}
            day={day}
            onChange={(next) => change({ repeat: next })}
            trigger={
              <Value editable={editable} name="Repeat" nothing={repeat === null && "Does not repeat"}>
                {repeat && repeatWords(repeat)}
              </Value>
            }
          />
        </Line>
      )}
      {card.message !== null && (
        <Line card={card} icon={MessageSquare} name="From" value={null}>
          <FromMessage id={card.message} />
        </Line>
      )}
    </div>
  );
}

interface Changing extends Props {
  change: (fields: TaskChange) => void;
}

function ListLine({ card, editable }: Props) {
  const lists = useBoards((state) => state.boards[card.board]?.data?.lists);
  const list = lists?.find((one) => one.id === card.list);
  const choices = (lists ?? []).map(({ id, name, status }) => ({
    value: id,
    name,
    mark: <StatusMark status={status} />,
  }));
  const name = list?.name ?? "An archived list";
  return (
    <Line card={card} icon={Columns3} name="List" value={card.list}>
      <ChoiceMenu
        label="List"
        value={card.list}
        choices={choices}
        onChange={(to) => to !== card.list && void attempt(() => boardActions.moveTasks(card.board, [card.id], to))}
        trigger={
          <Value editable={editable} name="List">
            <span className="min-w-0 truncate">{name}</span>
          </Value>
        }
      />
    </Line>
  );
}

/** Where the list has a status, another one is that of another list: the task goes there. */
function StatusLine({ card, editable, change }: Changing) {
  const given = useBoards((state) => listStatus(state.boards[card.board]?.data?.lists, card.list));
  const status = given ?? card.status;
  const choices = [...STATUSES, ...(given === null ? [null] : [])].map(
    (one): StatusChoice => ({
      value: one ?? NONE,
      name: one ? STATUS_NAMES[one] : "No status",
      mark: <StatusMark status={one} />,
    }),
  );
  return (
    <Line card={card} icon={CircleDot} name="Status" value={status}>
      <ChoiceMenu
        label="Status"
        value={status ?? NONE}
        choices={choices}
        onChange={(to) => to !== (status ?? NONE) && change({ status: to === NONE ? null : to })}
        trigger={
          <Value editable={editable} name="Status" nothing={status === null && "None"}>
            {status && (
              <>
                <StatusMark status={status} />
                {STATUS_NAMES[status]}
              </>
            )}
          </Value>
        }
      />
    </Line>
  );
}

function PeopleLine({ card, editable, change }: Changing) {
  const people = useBoardPeople(card.board, card.assignees);
  return (
    <Line card={card} icon={Users} name="People" value={card.assignees}>
      <AssigneePicker
        board={card.board}
        chosen={card.assignees}
        onChange={(assignees) => change({ assignees })}
        trigger={
          <Value editable={editable} name="People" nothing={people.length === 0 && "Nobody"}>
            {people.map((person, index) => (
              <span key={card.assignees[index]} className="flex min-w-0 items-center gap-1.5">
                <Avatar user={person} size="xs" />
                <span className="truncate">{personName(person)}</span>
                {index < people.length - 1 && <span className="sr-only">, </span>}
              </span>
            ))}
          </Value>
        }
      />
    </Line>
  );
}

const NO_LABELS: Record<string, Label> = {};

function LabelsLine({ card, editable, change }: Changing) {
  const all = useBoards((state) => state.boards[card.board]?.data?.labels) ?? NO_LABELS;
  const labels = useMemo(
    () => card.labels.flatMap((id) => (all[id] ? [all[id]] : [])).sort(byName),
    [card.labels, all],
  );
  return (
    <Line card={card} icon={Tag} name="Labels" value={card.labels}>
      <LabelPicker
        board={card.board}
        chosen={card.labels}
        onChange={(chosen) => change({ labels: chosen })}
        trigger={
          <Value editable={editable} name="Labels" nothing={labels.length === 0 && "None"}>
            {labels.map((label, index) => (
              <Fragment key={label.id}>
                {index > 0 && <span className="sr-only">, </span>}
                <LabelChip label={label} />
              </Fragment>
            ))}
          </Value>
        }
      />
    </Line>
  );
}

function DueLine({ card, editable, change }: Changing) {
  const done = useBoards((state) => statusOf(state.boards[card.board]?.data?.lists, card) === "done");
  const { due_at, due_has_time } = card;
  // The chip says "Tomorrow" or the date: beside it stands what it leaves out.
  const near = Math.abs((dueDay(card) ?? 0) - dayNumber(Date.now())) < 7;
  return (
    <Line card={card} icon={CalendarClock} name="Due" value={{ due_at, due_has_time }}>
      <DuePicker
        due={card}
        onChange={change}
        trigger={
          <Value editable={editable} name="Due" nothing={due_at === null && "No date"}>
            {due_at !== null && (
              <>
                <DueChip card={{ due_at, due_has_time }} done={done} />
                <span className="truncate text-sm text-ink-3">{near ? dueDate(card) : fromNow(due_at)}</span>
              </>
            )}
          </Value>
        }
      />
    </Line>
  );
}

interface LineProps {
  card: Card;
  icon: LucideIcon;
  name: string;
  /** Shown for a moment when somebody else changes it. */
  value: unknown;
  children: ReactNode;
}

function Line({ card, icon: Icon, name, value, children }: LineProps) {
  const flash = useFlash(card.board, card.id, value ?? null);
  return (
    <div className={`-mx-2 flex items-start rounded-md pl-2 ${flash}`}>
      <span className="flex h-8 w-26 shrink-0 items-center gap-2 text-sm text-ink-3 coarse:h-11">
        <Icon size={16} strokeWidth={1.75} className="shrink-0" aria-hidden="true" />
        {name}
      </span>
      <div className="min-w-0 grow">{children}</div>
    </div>
  );
}

interface ValueProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  editable: boolean;
  name: string;
  /** What stands there when there is no value. */
  nothing?: string | false;
  ref?: Ref<HTMLButtonElement>;
}

/** The value of a line: a button for its picker, or plain text for those who may only look. */
function Value({ editable, name, nothing = false, children, ...rest }: ValueProps) {
  const inside = nothing === false ? children : <span className="text-ink-3">{nothing}</span>;
  const shape =
    "flex min-h-8 w-full flex-wrap items-center gap-x-2 gap-y-1 rounded-md px-2 py-1 text-left text-sm max-md:text-base coarse:min-h-11";
  if (!editable) return <div className={shape}>{inside}</div>;
  return (
    <button type="button" {...rest} className={`${shape} transition-colors hover:bg-hover aria-expanded:bg-hover`}>
      <span className="sr-only">{name}: </span>
      {inside}
    </button>
  );
}
