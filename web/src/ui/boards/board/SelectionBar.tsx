import { Menu } from "@base-ui/react/menu";
import { Archive, CalendarClock, type LucideIcon, MoveRight, SignalHigh, Tag, UserRound, X } from "lucide-react";
import type { ComponentProps } from "react";
import type { Card } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { plural } from "../../lib/names";
import { IconButton } from "../../parts/IconButton";
import { AssigneePicker } from "../parts/AssigneePicker";
import { DuePicker } from "../parts/DuePicker";
import { LabelPicker } from "../parts/LabelPicker";
import { PriorityPicker } from "../parts/PriorityPicker";
import { useBoards } from "../store";
import { Lists } from "./CardMenu";
import { MenuSurface } from "./menus";
import { useEditable, useScene } from "./scene";
import { clearSelection, useBoardUi } from "./state";
import { archiveTasks, changeShared, changeTasks, moveTasks, selectedTasks } from "./verbs";

/** What can be done with all selected tasks at once. */
export function SelectionBar() {
  const { board } = useScene();
  const some = useBoardUi((ui) => ui.selected.size > 0);
  const editable = useEditable(board);
  return some && editable ? <Bar /> : null;
}

function Bar() {
  const scene = useScene();
  const { board } = scene;
  useBoardUi((ui) => ui.selected);
  const tasks = useBoards((state) => state.boards[board]?.data?.tasks);
  const ids = () => selectedTasks(scene);
  const cards = ids()
    .map((id) => tasks?.[id])
    .filter((card): card is Card => card !== undefined);
  const assignees = shared(cards, (card) => card.assignees);
  const labels = shared(cards, (card) => card.labels);
  const [first] = cards;
  const same = <T,>(of: (card: Card) => T) =>
    first && cards.every((card) => of(card) === of(first)) ? of(first) : null;
  if (!first) return null;
  return (
    <section
      aria-label="Selection"
      className="pointer-events-none absolute inset-x-0 bottom-3 z-30 flex justify-center px-3 max-md:bottom-2 max-md:px-2"
    >
      <div className="float-surface pointer-events-auto flex max-w-full items-center gap-0.5 overflow-x-auto rounded-xl p-1 [scrollbar-width:none]">
        <span className="px-2.5 text-sm font-medium whitespace-nowrap tabular-nums" role="status">
          {cards.length} <span className="max-lg:sr-only">selected</span>
        </span>
        <Menu.Root>
          <Menu.Trigger render={<Tool icon={MoveRight} label="Move to" />} />
          <MenuSurface label="Move to list">
            <Lists current={same((card) => card.list)} onChoose={(list) => moveTasks(scene, ids(), list, undefined)} />
          </MenuSurface>
        </Menu.Root>
        <AssigneePicker
          board={board}
          chosen={assignees}
          onChange={(chosen) => changeShared(scene, ids(), "assignees", assignees, chosen)}
          trigger={<Tool icon={UserRound} label="Assign" />}
        />
        <LabelPicker
          board={board}
          chosen={labels}
          onChange={(chosen) => changeShared(scene, ids(), "labels", labels, chosen)}
          trigger={<Tool icon={Tag} label="Label" />}
        />
        <PriorityPicker
          priority={same((card) => card.priority)}
          onChange={(priority) =>
            changeTasks(scene, ids(), (card) => (card.priority === priority ? null : { priority }))
          }
          trigger={<Tool icon={SignalHigh} label="Priority" />}
        />
        <DuePicker
          due={{ due_at: same((card) => card.due_at), due_has_time: first.due_has_time }}
          onChange={(change) => changeTasks(scene, ids(), () => change)}
          trigger={<Tool icon={CalendarClock} label="Due" />}
        />
        <Tool icon={Archive} label="Archive" onClick={() => archiveTasks(scene, ids())} />
        <span className="mx-0.5 h-5 w-px shrink-0 bg-line" />
        <IconButton
          icon={X}
          label={`Clear the selection of ${plural(cards.length, "task")}`}
          onClick={clearSelection}
        />
      </div>
    </section>
  );
}

/** A tool of the bar; only its sign where there is little room. */
function Tool({ icon: Icon, label, ...rest }: { icon: LucideIcon; label: string } & ComponentProps<"button">) {
  return (
    <button
      type="button"
      {...rest}
      aria-label={label}
      className="inline-flex h-8 shrink-0 items-center gap-1.5 rounded-md px-2 text-sm text-ink-2 transition-colors hover:bg-hover hover:text-ink data-popup-open:bg-hover data-popup-open:text-ink coarse:h-10 coarse:min-w-10 coarse:justify-center"
    >
      <Icon size={16} strokeWidth={1.75} aria-hidden="true" />
      <span className="max-lg:hidden">{label}</span>
    </button>
  );
}

/** What all of them have. */
function shared(cards: Card[], of: (card: Card) => readonly Id[]): Id[] {
  const [first, ...rest] = cards;
  return first ? of(first).filter((id) => rest.every((card) => of(card).includes(id))) : [];
}
