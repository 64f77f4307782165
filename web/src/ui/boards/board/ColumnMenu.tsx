import { Menu } from "@base-ui/react/menu";
import { Archive, ArrowLeft, ArrowRight, CircleDashed, Ellipsis, Eye, EyeOff, Pencil, Plus } from "lucide-react";
import type { BoardList, Status } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { IconButton } from "../../parts/IconButton";
import { attempt } from "../../state";
import { showOutside, useOutsiders } from "../parts/outside";
import { STATUS_NAMES, STATUSES, StatusMark } from "../parts/StatusMark";
import { boardActions, useBoards } from "../store";
import { MenuChecked, MenuRow, MenuSurface, SEPARATOR, Sub } from "./menus";
import { cellKey } from "./model/grid";
import { useScene } from "./scene";
import { useBoardUi } from "./state";
import { archiveList, moveListBy } from "./verbs";

const NONE = "none";

export function ColumnMenu({ list, lane }: { list: BoardList; lane: string }) {
  const scene = useScene();
  const lists = useBoards((state) => state.boards[scene.board]?.data?.lists);
  const index = lists?.findIndex((one) => one.id === list.id) ?? 0;
  const setStatus = (value: string) =>
    void attempt(() => boardActions.changeList(list.id, { status: value === NONE ? null : (value as Status) }));
  return (
    <Menu.Root>
      <Menu.Trigger render={<IconButton small icon={Ellipsis} label={`Menu of the list ${list.name}`} />} />
      <MenuSurface label={`Menu of the list ${list.name}`}>
        <MenuRow
          icon={Plus}
          onClick={() => useBoardUi.setState({ adding: { cell: cellKey(lane, list.id), end: "top" } })}
        >
          Add a task
        </MenuRow>
        <MenuRow icon={Pencil} onClick={() => setTimeout(() => useBoardUi.setState({ renaming: list.id }))}>
          Rename
        </MenuRow>
        <Sub icon={CircleDashed} label="Status">
          <Menu.RadioGroup value={list.status ?? NONE} onValueChange={setStatus} aria-label="Status">
            {[...STATUSES, null].map((status) => (
              <MenuChecked key={status} value={status ?? NONE}>
                <StatusMark status={status} />
                <span className="grow">{status ? STATUS_NAMES[status] : "No status"}</span>
              </MenuChecked>
            ))}
          </Menu.RadioGroup>
        </Sub>
        <OutsideRow list={list} board={scene.board} />
        <Menu.Separator className={SEPARATOR} />
        <MenuRow icon={ArrowLeft} keys="Shift ←" disabled={index <= 0} onClick={() => moveListBy(scene, list.id, -1)}>
          Move left
        </MenuRow>
        <MenuRow
          icon={ArrowRight}
          keys="Shift →"
          disabled={index >= (lists?.length ?? 0) - 1}
          onClick={() => moveListBy(scene, list.id, 1)}
        >
          Move right
        </MenuRow>
        <Menu.Separator className={SEPARATOR} />
        <MenuRow icon={Archive} onClick={() => void archiveList(list.id, list.name)}>
          Archive the list
        </MenuRow>
      </MenuSurface>
    </Menu.Root>
  );
}

function OutsideRow({ list, board }: { list: BoardList; board: Id }) {
  const manages = useBoards((state) => state.boards[board]?.data?.right === "manage");
  const outsiders = useOutsiders();
  if (!manages || (list.shown_outside && !outsiders)) return null;
  return (
    <MenuRow icon={list.shown_outside ? EyeOff : Eye} onClick={() => showOutside(list)}>
      {list.shown_outside ? "Hide from clients" : "Show to clients"}
    </MenuRow>
  );
}
