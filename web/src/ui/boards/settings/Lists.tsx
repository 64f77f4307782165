import { Archive, ArrowDown, ArrowUp, Eye, EyeOff } from "lucide-react";
import type { BoardList, Status } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { plural } from "../../lib/names";
import { IconButton } from "../../parts/IconButton";
import { announce, attempt, note } from "../../state";
import { HiddenMark, showOutside, useOutsiders } from "../parts/outside";
import { STATUS_NAMES, STATUSES, StatusMark } from "../parts/StatusMark";
import { boardActions } from "../store";
import { AddByName } from "./AddByName";
import type { SectionProps } from "./BoardSettings";
import { NameInput } from "./NameInput";

const LONGEST = 60;
const MOST = 50;

/** The board's lists: their order, names, and the status of what stands in them. */
export default function Lists({ board, data, editable }: SectionProps) {
  const { lists, order } = data;
  const move = (at: number, by: 1 | -1) => {
    const list = lists[at];
    if (!list) return;
    const after = by < 0 ? (lists[at - 2]?.id ?? null) : (lists[at + 1]?.id ?? null);
    announce(`${list.name} is list ${at + by + 1} of ${lists.length}.`);
    void attempt(() => boardActions.moveList(board, list.id, after));
  };
  return (
    <section className="py-6">
      <p className="max-w-prose text-sm text-ink-2">
        A task has the status of its list, or its own where the list has none. What is done is not overdue and not among
        anybody's tasks.
      </p>
      <ul className="mt-5 divide-y divide-line border-y border-line">
        {lists.map((list, at) => (
          <ListRow
            key={list.id}
            list={list}
            count={order[list.id]?.length ?? 0}
            editable={editable}
            manages={editable && data.right === "manage"}
            onMove={(by) => move(at, by)}
            first={at === 0}
            last={at === lists.length - 1}
          />
        ))}
        {lists.length === 0 && <li className="py-4 text-ink-3">No lists yet.</li>}
      </ul>
      {editable && lists.length < MOST && <NewList board={board} />}
    </section>
  );
}

interface RowProps {
  list: BoardList;
  count: number;
  editable: boolean;
  manages: boolean;
  first: boolean;
  last: boolean;
  onMove: (by: 1 | -1) => void;
}

function ListRow({ list, count, editable, manages, first, last, onMove }: RowProps) {
  const outsiders = useOutsiders();
  const archive = async () => {
    if (!(await attempt(() => boardActions.archiveList(list.id)))) return;
    const undo = () => void attempt(() => boardActions.restoreList(list.id));
    note(`${list.name} is archived with its tasks.`, false, { label: "Undo", run: undo });
  };
  return (
    <li className="flex min-h-14 flex-wrap items-center gap-x-2 gap-y-1 py-2" data-list={list.id}>
      <StatusMark status={list.status} />
      <div className="ml-2 min-w-40 grow basis-0">
        <NameInput
          name={list.name}
          label={`Name of the list ${list.name}`}
          maxLength={LONGEST}
          disabled={!editable}
          onChange={(name) => void attempt(() => boardActions.changeList(list.id, { name }))}
        />
      </div>
      {!list.shown_outside && !manages && <HiddenMark />}
      <span className="shrink-0 px-2 text-sm text-ink-3 tabular-nums">{plural(count, "task")}</span>
      <div className="flex shrink-0 items-center gap-1 max-sm:ml-auto">
        <select
          value={list.status ?? ""}
          disabled={!editable}
          aria-label={`Status of the list ${list.name}`}
          onChange={(event) => {
            const status = (event.target.value || null) as Status | null;
            void attempt(() => boardActions.changeList(list.id, { status }));
          }}
          className="h-8 rounded-md bg-field pr-7 pl-2.5 text-sm shadow-[inset_0_0_0_1px_var(--line-strong)] coarse:h-10"
        >
          <option value="">No status</option>
          {STATUSES.map((status) => (
            <option key={status} value={status}>
              {STATUS_NAMES[status]}
            </option>
          ))}
        </select>
        {manages && (outsiders || !list.shown_outside) && (
          <IconButton
            icon={list.shown_outside ? Eye : EyeOff}
            label={list.shown_outside ? `Hide ${list.name} from clients` : `Show ${list.name} to clients`}
            onClick={() => showOutside(list)}
          />
        )}
        <IconButton
          icon={ArrowUp}
          label={`Move ${list.name} up`}
          disabled={!editable || first}
          onClick={() => onMove(-1)}
        />
        <IconButton
          icon={ArrowDown}
          label={`Move ${list.name} down`}
          disabled={!editable || last}
          onClick={() => onMove(1)}
        />
        <IconButton icon={Archive} label={`Archive ${list.name}`} disabled={!editable} onClick={archive} />
      </div>
    </li>
  );
}

function NewList({ board }: { board: Id }) {
  const add = (name: string) => attempt(() => boardActions.createList(board, { name }));
  return <AddByName what="list" longest={LONGEST} onAdd={add} />;
}
