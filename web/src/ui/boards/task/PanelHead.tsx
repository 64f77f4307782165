import { Menu } from "@base-ui/react/menu";
import {
  Archive,
  ArchiveRestore,
  ArrowLeft,
  ChevronDown,
  ChevronUp,
  Clock3,
  Ellipsis,
  Link2,
  UserMinus,
  UserPlus,
  X,
} from "lucide-react";
import { useShallow } from "zustand/react/shallow";
import type { Card } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { usePhone } from "../../lib/hooks";
import { listNames, personName } from "../../lib/names";
import { IconButton } from "../../parts/IconButton";
import { ICON } from "../../parts/icon";
import { attempt, copyText } from "../../state";
import { useStore } from "../../store";
import { PeopleStack } from "../parts/PeopleStack";
import { MENU_ITEM } from "../parts/Picker";
import { useBoardPeople } from "../parts/people";
import { taskPath } from "../paths";
import { boardActions, useBoards } from "../store";
import type { May } from "./rights";

interface Props {
  board: Id;
  task: Id;
  card: Card | null;
  may: May;
  previous: (() => void) | undefined;
  next: (() => void) | undefined;
  onClose: () => void;
}

/** The panel's bar: where one is, who else is here, the next and the previous task, and the menu. */
export function PanelHead({ board, task, card, may, previous, next, onClose }: Props) {
  const phone = usePhone();
  const name = useBoards((state) => state.boards[board]?.data?.board.name);
  const waiting = useBoards((state) => (state.boards[board]?.pending[task] ?? 0) > 0);
  return (
    <header className="flex h-14 shrink-0 items-center gap-1 border-b border-line pr-3 pl-4 max-md:pl-1 md:pl-6">
      {phone && <IconButton icon={ArrowLeft} label="Back to the board" onClick={onClose} />}
      <span className="min-w-0 truncate text-sm text-ink-3">{name}</span>
      {waiting && (
        <span className="ml-1 shrink-0 text-ink-3" title="Being saved">
          <Clock3 size={14} aria-hidden="true" />
          <span className="sr-only">Being saved</span>
        </span>
      )}
      <span className="grow" />
      <Watchers board={board} task={task} />
      <IconButton
        icon={ChevronUp}
        label="Previous task"
        keys="K"
        side="bottom"
        disabled={!previous}
        onClick={previous}
      />
      <IconButton icon={ChevronDown} label="Next task" keys="J" side="bottom" disabled={!next} onClick={next} />
      {card && <TaskMenu card={card} may={may} />}
      {!phone && <IconButton icon={X} label="Close" keys="Esc" side="bottom" onClick={onClose} />}
    </header>
  );
}

/** Others who look at this task now. */
function Watchers({ board, task }: { board: Id; task: Id }) {
  const ids = useBoards(
    useShallow((state) =>
      Object.entries(state.boards[board]?.looking ?? {})
        .filter(([, at]) => at === task)
        .map(([id]) => id),
    ),
  );
  const people = useBoardPeople(board, ids);
  if (ids.length === 0) return null;
  const label = `${listNames(people.map(personName))} ${ids.length === 1 ? "looks" : "look"} at this task too`;
  return (
    <span className="mr-1 shrink-0" role="img" aria-label={label} title={label}>
      <span aria-hidden="true">
        <PeopleStack board={board} ids={ids} />
      </span>
    </span>
  );
}

function TaskMenu({ card, may }: { card: Card; may: May }) {
  const me = useStore((state) => state.me?.id) ?? "";
  const mine = card.assignees.includes(me);
  const link = new URL(taskPath(card.board, card.id), window.location.origin).href;
  const assign = () => {
    const assignees = mine ? card.assignees.filter((id) => id !== me) : [...card.assignees, me];
    void attempt(() => boardActions.changeTask(card.board, card.id, { assignees }));
  };
  return (
    <Menu.Root>
      <Menu.Trigger render={<IconButton icon={Ellipsis} label="Task menu" side="bottom" />} />
      <Menu.Portal>
        <Menu.Positioner side="bottom" align="end" sideOffset={4} collisionPadding={8} className="z-50">
          <Menu.Popup aria-label="Task menu" className="float-surface appear w-56 rounded-lg p-1 outline-none">
            <Menu.Item className={MENU_ITEM} onClick={() => void copyText(link, "Link copied.")}>
              <Link2 {...ICON} size={16} className="text-ink-2" />
              Copy link
            </Menu.Item>
            {may.edit && (
              <Menu.Item className={MENU_ITEM} onClick={assign}>
                {mine ? (
                  <UserMinus {...ICON} size={16} className="text-ink-2" />
                ) : (
                  <UserPlus {...ICON} size={16} className="text-ink-2" />
                )}
                {mine ? "Give it back" : "Take it on"}
              </Menu.Item>
            )}
            {may.keep &&
              (card.archived ? (
                <Menu.Item
                  className={MENU_ITEM}
                  onClick={() => void attempt(() => boardActions.restoreTask(card.board, card.id), "Restored.")}
                >
                  <ArchiveRestore {...ICON} size={16} className="text-ink-2" />
                  Restore
                </Menu.Item>
              ) : (
                <Menu.Item
                  className={MENU_ITEM}
                  onClick={() => void attempt(() => boardActions.archiveTasks(card.board, [card.id]))}
                >
                  <Archive {...ICON} size={16} className="text-ink-2" />
                  Archive
                </Menu.Item>
              ))}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
