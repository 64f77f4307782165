import { CalendarClock, CircleDot, CircleUser, type LucideIcon, SignalHigh, Tag, UserX } from "lucide-react";
import type { ReactNode } from "react";
import type { Due } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { fold, personName } from "../../lib/names";
import { Avatar } from "../../parts/Avatar";
import { ICON } from "../../parts/icon";
import { useStore } from "../../store";
import { LabelDot } from "../parts/LabelChip";
import { PRIORITY_NAMES, PriorityMark } from "../parts/PriorityMark";
import { STATUS_NAMES, StatusMark } from "../parts/StatusMark";
import { useBoards } from "../store";
import { DUES, type FilterName, PRIORITIES, STATUSES } from "./model";

export interface Option {
  value: string;
  text: string;
  mark: ReactNode;
}

export const KINDS: Record<FilterName, { name: string; icon: LucideIcon }> = {
  status: { name: "Status", icon: CircleDot },
  priority: { name: "Priority", icon: SignalHigh },
  assignee: { name: "Person", icon: CircleUser },
  label: { name: "Label", icon: Tag },
  due: { name: "Due", icon: CalendarClock },
};

const DUE_NAMES: Record<Due, string> = {
  overdue: "Overdue",
  today: "Today",
  week: "This week",
  none: "No date",
};

const STATUS_OPTIONS = STATUSES.map((value) => ({
  value,
  text: value === "none" ? "No status" : STATUS_NAMES[value],
  mark: <StatusMark status={value === "none" ? null : value} />,
}));
const PRIORITY_OPTIONS = PRIORITIES.map((value) => ({
  value,
  text: value === "none" ? "No priority" : PRIORITY_NAMES[value],
  mark: <PriorityMark priority={value === "none" ? null : value} named />,
}));
const DUE_OPTIONS = DUES.map((value) => ({ value, text: DUE_NAMES[value], mark: null }));

/** What each filter can be set to on this board, in the order it is offered. */
export function useOptions(board: Id): Record<FilterName, Option[]> {
  const data = useBoards((state) => state.boards[board]?.data);
  const people = useStore((state) => state.people);
  const me = useStore((state) => state.me);
  const assigned = new Set(Object.values(data?.tasks ?? {}).flatMap((card) => card.assignees));
  for (const member of data?.members ?? []) assigned.add(member.user);
  const names = new Map(data?.members.map((member) => [member.user, member.name]));
  const others = [...assigned]
    .filter((id) => id !== me?.id)
    .map((id) => ({
      value: id,
      text: people[id]?.name ?? names.get(id) ?? personName(undefined),
      mark: <Avatar user={people[id]} size="xs" />,
    }))
    .sort((a, b) => fold(a.text).localeCompare(fold(b.text)));
  return {
    status: STATUS_OPTIONS,
    priority: PRIORITY_OPTIONS,
    assignee: [
      { value: "me", text: "Me", mark: <Avatar user={me ?? undefined} size="xs" /> },
      { value: "none", text: "Nobody", mark: <UserX {...ICON} className="text-ink-3" /> },
      ...others,
    ],
    label: Object.values(data?.labels ?? {})
      .sort((a, b) => fold(a.name).localeCompare(fold(b.name)))
      .map(({ id, name, colour }) => ({ value: id, text: name, mark: <LabelDot colour={colour} /> })),
    due: DUE_OPTIONS,
  };
}
