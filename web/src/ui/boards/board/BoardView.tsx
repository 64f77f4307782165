import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { BoardData } from "../../../core/boards/store";
import type { BoardList } from "../../../core/boards/wire";
import { usePhone } from "../../lib/hooks";
import { useStore } from "../../store";
import { useMatch } from "../filters/use-filters";
import { useBoards } from "../store";
import { AddList } from "./AddList";
import { CardMenu } from "./CardMenu";
import { Column } from "./Column";
import { useCarriedKept } from "./carrying";
import { EmptyBoard } from "./EmptyBoard";
import { Follower } from "./Follower";
import { useFlip } from "./flip";
import { Lanes } from "./Lanes";
import { ListSwitcher } from "./ListSwitcher";
import { buildGrid, type Grid, type Lanes as LanesBy, placeOf, taskAt, tasksAt, WHOLE } from "./model/grid";
import { firstPlace } from "./model/walking";
import { SelectionBar } from "./SelectionBar";
import { mayEdit, type Scene, SceneProvider } from "./scene";
import { setCursor, useBoardUi } from "./state";
import { KEYS_HELP } from "./TaskCard";
import { useDragging } from "./use-dragging";
import { useKeys } from "./use-keys";
import { usePresses } from "./use-presses";

interface Props {
  scene: Scene;
  data: BoardData;
  by: LanesBy;
}

/** The lists side by side, or crossed by lanes. */
export function BoardView({ scene, data, by }: Props) {
  const phone = usePhone();
  const [root, setRoot] = useState<HTMLDivElement | null>(null);
  const place = useCallback(
    (element: HTMLDivElement | null) => {
      scene.root = element;
      setRoot(element);
    },
    [scene],
  );
  const columns = useRef<HTMLDivElement>(null);
  const editable = mayEdit(data);
  const grid = useGrid(scene, data, by);
  const lists = useLists(data);
  const idle = useBoardUi((ui) => ui.carried === null);

  useCursor(grid);
  useDragging(scene, root, editable, phone && by === null);
  useCarriedKept(scene);
  useKeys(scene, root);
  usePresses(scene, root);
  useFlip(scene, grid, lists, idle);
  useLayoutEffect(() => {
    root?.toggleAttribute("data-carrying", !idle);
  }, [root, idle]);

  return (
    <SceneProvider value={scene}>
      <div ref={place} data-testid="board" className="group/board relative flex min-h-0 grow flex-col bg-sunken">
        {data.lists.length === 0 ? (
          <EmptyBoard editable={editable} />
        ) : by ? (
          <Lanes grid={grid} lists={lists} order={data.order} editable={editable} />
        ) : (
          <>
            {phone && <ListSwitcher lists={lists} grid={grid} columns={columns} />}
            <div
              ref={columns}
              className="relative flex min-h-0 grow gap-4 overflow-x-auto overflow-y-hidden overscroll-x-contain scroll-px-6 px-4 pt-2 max-md:snap-x max-md:snap-mandatory max-md:scroll-px-4 max-md:gap-2 max-md:group-data-carrying/board:snap-none md:px-6"
            >
              {lists.map((list, index) => (
                <Column
                  key={list.id}
                  list={list}
                  tasks={tasksAt(grid, WHOLE.key, list.id)}
                  total={data.order[list.id]?.length ?? 0}
                  editable={editable}
                  place={index}
                />
              ))}
              {editable && <AddList />}
            </div>
          </>
        )}
        <SelectionBar />
        <Announced />
      </div>
      <Follower />
      <CardMenu />
    </SceneProvider>
  );
}

function useGrid(scene: Scene, data: BoardData, by: LanesBy): Grid {
  const fits = useMatch(scene.board);
  const me = useStore((state) => state.me?.id);
  const people = useStore((state) => state.people);
  const before = useRef<Grid>(undefined);
  const grid = useMemo(
    () => buildGrid(data, { by, fits, me, nameOf: (id) => people[id]?.name ?? "" }, before.current),
    [data, by, fits, me, people],
  );
  // Before any effect of what is drawn from it.
  scene.grid = grid;
  useLayoutEffect(() => {
    before.current = grid;
  }, [grid]);
  return grid;
}

/** In their order, a dragged one where it would go. */
function useLists({ lists }: BoardData): BoardList[] {
  const list = useBoardUi(({ carried }) => (carried?.kind === "list" ? carried.list : null));
  const at = useBoardUi(({ carried }) => (carried?.kind === "list" ? carried.at : 0));
  return useMemo(() => {
    const moved = lists.find((one) => one.id === list);
    return moved ? lists.filter((one) => one !== moved).toSpliced(at, 0, moved) : lists;
  }, [lists, list, at]);
}

/** There is always a card that Tab reaches, and a new task keeps what it has when it is confirmed. */
function useCursor(grid: Grid): void {
  const made = useBoards((state) => state.made);
  useEffect(() => {
    const { cursor, selected, carried } = useBoardUi.getState();
    if ([...selected].some((id) => made[id]))
      useBoardUi.setState({ selected: new Set([...selected].map((id) => made[id] ?? id)) });
    if (carried) return;
    const task = cursor && (made[cursor.task] ?? cursor.task);
    const place = (task && cursor && placeOf(grid, task, cursor.lane)) || firstPlace(grid);
    const found = taskAt(grid, place);
    if (!place || found === undefined) useBoardUi.setState({ cursor: null });
    else if (found !== cursor?.task || place.lane !== cursor.lane) setCursor(place.lane, found);
  }, [grid, made]);
}

/** For screen readers: how one carries tasks, and where they are. */
function Announced() {
  const said = useBoardUi((ui) => ui.said);
  return (
    <>
      <p id={KEYS_HELP} className="sr-only">
        Space lifts, Enter opens, M shows the menu.
      </p>
      <div role="status" aria-live="assertive" aria-label="What is moved" className="sr-only">
        {said}
      </div>
    </>
  );
}
