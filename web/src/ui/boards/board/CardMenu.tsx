import { Menu } from "@base-ui/react/menu";
import {
  Archive,
  ArrowDownToLine,
  ArrowUpToLine,
  Link2,
  MoveRight,
  PanelRightOpen,
  Pencil,
  SignalHigh,
  SquareCheckBig,
  UserRoundCheck,
} from "lucide-react";
import type { Priority } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { plural } from "../../lib/names";
import { useStore } from "../../store";
import { PRIORITIES, PRIORITY_NAMES, PriorityMark } from "../parts/PriorityMark";
import { StatusMark } from "../parts/StatusMark";
import { useBoards } from "../store";
import { MenuChecked, MenuRow, MenuSurface, SEPARATOR, Sub } from "./menus";
import { toggled } from "./model/walking";
import { useCard, useEditable, useScene } from "./scene";
import { select, useBoardUi } from "./state";
import { focusTask } from "./use-keys";
import { openTask } from "./use-presses";
import { archiveTasks, changeTasks, copyTaskLink, meant, moveTasks } from "./verbs";

const NONE = "none";

/** The menu of a card: by its button, the other mouse button, a resting finger or `m`. */
export function CardMenu() {
  const menu = useBoardUi((ui) => ui.menu);
  return menu && <Opened key={`${menu.lane}/${menu.task}`} {...menu} />;
}

function Opened({ task, lane, anchor }: NonNullable<ReturnType<typeof useBoardUi.getState>["menu"]>) {
  const scene = useScene();
  const card = useCard(scene.board, task);
  const editable = useEditable(scene.board);
  const me = useStore((state) => state.me?.id);
  const several = useBoardUi((ui) => ui.selected.has(task) && ui.selected.size > 1);
  if (!card) return null;
  const all = () => meant(scene, task);
  const mine = me !== undefined && card.assignees.includes(me);
  return (
    <Menu.Root defaultOpen onOpenChange={(open) => !open && setTimeout(() => useBoardUi.setState({ menu: null }), 120)}>
      <MenuSurface label={`Menu of ${card.title}`} anchor={anchor} finalFocus={() => scene.element(lane, task) ?? true}>
        {several && <p className="px-2 py-1.5 text-xs text-ink-3">{plural(all().length, "selected task")}</p>}
        <MenuRow icon={PanelRightOpen} keys="Enter" onClick={() => openTask(scene.board, task)}>
          Open
        </MenuRow>
        {editable && (
          <>
            <MenuRow
              icon={Pencil}
              keys="F2"
              onClick={() => setTimeout(() => useBoardUi.setState({ editing: task, cursor: { lane, task } }), 130)}
            >
              Edit the title
            </MenuRow>
            <MenuRow
              icon={SquareCheckBig}
              keys="X"
              onClick={() => select(toggled(useBoardUi.getState().selected, task), task)}
            >
              {several ? "Take out of the selection" : "Select"}
            </MenuRow>
            <Menu.Separator className={SEPARATOR} />
            <Sub icon={MoveRight} label="Move to list">
              <Lists current={card.list} onChoose={(list) => moveTasks(scene, all(), list, undefined)} />
            </Sub>
            <MenuRow icon={ArrowUpToLine} onClick={() => moveTasks(scene, all(), card.list, null)}>
              To the top
            </MenuRow>
            <MenuRow icon={ArrowDownToLine} onClick={() => moveTasks(scene, all(), card.list, undefined)}>
              To the bottom
            </MenuRow>
            <Menu.Separator className={SEPARATOR} />
            {me !== undefined && (
              <MenuRow
                icon={UserRoundCheck}
                onClick={() =>
                  changeTasks(scene, all(), ({ assignees }) =>
                    assignees.includes(me) === !mine
                      ? null
                      : { assignees: mine ? assignees.filter((id) => id !== me) : [...assignees, me] },
                  )
                }
              >
                {mine ? "Take me off" : "Assign me"}
              </MenuRow>
            )}
            <Sub icon={SignalHigh} label="Priority">
              <Priorities
                current={card.priority}
                onChoose={(priority) =>
                  changeTasks(scene, all(), (one) => (one.priority === priority ? null : { priority }))
                }
              />
            </Sub>
            <Menu.Separator className={SEPARATOR} />
          </>
        )}
        <MenuRow icon={Link2} onClick={() => copyTaskLink(scene.board, task)}>
          Copy link
        </MenuRow>
        {editable && (
          <MenuRow
            icon={Archive}
            keys="E"
            onClick={() => {
              const next = neighbour(scene.grid.cells, task);
              archiveTasks(scene, all());
              if (next) setTimeout(() => focusTask(scene, lane, next), 150);
            }}
          >
            Archive
          </MenuRow>
        )}
      </MenuSurface>
    </Menu.Root>
  );
}

/** Who gets the focus when this one is gone. */
function neighbour(cells: Record<string, Id[]>, task: Id): Id | undefined {
  const cell = Object.values(cells).find((ids) => ids.includes(task)) ?? [];
  const index = cell.indexOf(task);
  return cell[index + 1] ?? cell[index - 1];
}

export function Lists({ current, onChoose }: { current: Id | null; onChoose: (list: Id) => void }) {
  const { board } = useScene();
  const lists = useBoards((state) => state.boards[board]?.data?.lists) ?? [];
  return (
    <Menu.RadioGroup value={current} onValueChange={onChoose} aria-label="Lists">
      {lists.map((list) => (
        <MenuChecked key={list.id} value={list.id}>
          <StatusMark status={list.status} />
          <span className="max-w-56 min-w-0 grow truncate">{list.name}</span>
        </MenuChecked>
      ))}
    </Menu.RadioGroup>
  );
}

function Priorities({ current, onChoose }: { current: Priority | null; onChoose: (value: Priority | null) => void }) {
  return (
    <Menu.RadioGroup
      value={current ?? NONE}
      onValueChange={(value: string) => onChoose(value === NONE ? null : (value as Priority))}
      aria-label="Priority"
    >
      {PRIORITIES.map((priority) => (
        <MenuChecked key={priority} value={priority}>
          <PriorityMark priority={priority} named />
          <span className="grow">{PRIORITY_NAMES[priority]}</span>
        </MenuChecked>
      ))}

      <MenuChecked value={NONE}>
        <PriorityMark priority={null} named />
        <span className="grow">No priority</span>
      </MenuChecked>
    </Menu.RadioGroup>
  );
}
