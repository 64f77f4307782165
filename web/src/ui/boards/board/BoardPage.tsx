import { Archive, CloudOff, Compass } from "lucide-react";
import { lazy, type ReactNode, Suspense, useEffect, useRef, useState } from "react";
import { Link, useLocation, useRoute, useSearch } from "wouter";
import type { BoardData } from "../../../core/boards/store";
import type { Id } from "../../../core/wire";
import { usePhone } from "../../lib/hooks";
import { Button } from "../../parts/Button";
import { Empty } from "../../parts/Empty";
import { attempt } from "../../state";
import { boardPath, OVERVIEW } from "../paths";
import { boardActions, useBoards } from "../store";
import { BoardHeader } from "./BoardHeader";
import { BoardView } from "./BoardView";
import { placeOf } from "./model/grid";
import { Scene } from "./scene";
import { startAnew, useBoardUi } from "./state";
import { focusTask } from "./use-keys";
import { useView } from "./ViewSwitch";

const ListView = lazy(() => import("../views/ListView"));
const CalendarView = lazy(() => import("../views/CalendarView"));
const TaskPanel = lazy(() => import("../task/TaskPanel").then((module) => ({ default: module.TaskPanel })));

/** A board, and beside it the task that is open. */
export default function BoardPage({ board }: { board: Id }) {
  const state = useBoards((all) => all.boards[board]);
  const [scene] = useState(() => new Scene(board));
  const [, params] = useRoute("/boards/:board/t/:task");
  const [, navigate] = useLocation();
  const search = useSearch();
  const phone = usePhone();
  const task = params?.task;
  useEffect(() => boardActions.openBoard(board), [board]);
  useEffect(() => startAnew, []);
  useOpened(scene, task, Boolean(state?.data));
  if (state?.gone) {
    return (
      <Alone>
        <Empty page icon={Compass} title="No such board here" text="It was deleted, or it is not yours to see.">
          <Link href={OVERVIEW} className="text-sm font-medium text-accent-ink underline underline-offset-3">
            Back to the boards
          </Link>
        </Empty>
      </Alone>
    );
  }
  if (state?.error && !state.data) {
    return (
      <Alone>
        <Empty page icon={CloudOff} title="The board could not be loaded" text={state.error}>
          <Button onClick={() => boardActions.retryBoard(board)}>Try again</Button>
        </Empty>
      </Alone>
    );
  }
  const close = () => navigate(boardPath(board) + (search && `?${search}`));
  return (
    <>
      <main className={`flex min-h-0 min-w-0 grow flex-col ${phone && task ? "hidden" : ""}`}>
        {state?.data ? (
          <>
            <BoardHeader data={state.data} />
            {state.data.board.archived && <ArchivedBar data={state.data} />}
            <Viewed scene={scene} data={state.data} />
          </>
        ) : (
          <Skeleton />
        )}
      </main>
      {task && (
        <Suspense fallback={<aside className="hidden w-110 shrink-0 border-l border-line lg:block" aria-busy="true" />}>
          <TaskPanel board={board} task={task} onClose={close} />
        </Suspense>
      )}
    </>
  );
}

/** The card of the task that is open stands out, stays in view beside the panel, and has the focus when that closes. */
function useOpened(scene: Scene, task: Id | undefined, loaded: boolean): void {
  const before = useRef(task);
  useEffect(() => {
    const closed = before.current;
    before.current = task;
    const place = task === undefined && closed && placeOf(scene.grid, closed, useBoardUi.getState().cursor?.lane);
    if (closed && place) focusTask(scene, place.lane, closed);
  }, [scene, task]);
  useEffect(() => {
    useBoardUi.setState({ open: task ?? null });
    if (task === undefined || !loaded || !scene.root) return;
    let frame = 0;
    const reveal = () => scene.reveal(useBoardUi.getState().cursor?.lane ?? "", task);
    const observer = new ResizeObserver(() => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(reveal);
    });
    observer.observe(scene.root);
    return () => {
      cancelAnimationFrame(frame);
      observer.disconnect();
    };
  }, [scene, task, loaded]);
}

function Alone({ children }: { children: ReactNode }) {
  return <main className="m-auto">{children}</main>;
}

function Viewed({ scene, data }: { scene: Scene; data: BoardData }) {
  const { view, lanes } = useView();
  if (view === "board") return <BoardView scene={scene} data={data} by={lanes} />;
  return (
    <Suspense fallback={<div className="grow" aria-busy="true" />}>
      {view === "list" ? <ListView board={scene.board} /> : <CalendarView board={scene.board} />}
    </Suspense>
  );
}

function ArchivedBar({ data: { board, right } }: { data: BoardData }) {
  return (
    <div className="flex shrink-0 items-center gap-3 border-b border-line bg-sunken px-6 py-2 text-sm text-ink-2 max-md:px-3">
      <Archive size={18} strokeWidth={1.75} aria-hidden="true" />
      <span className="grow">This board is archived. It can be read, not changed.</span>
      {right === "manage" && (
        <Button small onClick={() => attempt(() => boardActions.changeBoard(board.id, { archived: false }))}>
          Restore
        </Button>
      )}
    </div>
  );
}

const COLUMNS = [5, 3, 4, 2];

/** The shape of a board, until it is there. */
function Skeleton() {
  return (
    <div className="flex min-h-0 grow flex-col" aria-busy="true" data-testid="board-loading">
      <div className="flex h-14 shrink-0 items-center border-b border-line px-6">
        <span className="skeleton h-5 w-40" />
      </div>
      <div className="flex grow gap-4 overflow-hidden bg-sunken px-6 pt-5">
        {COLUMNS.map((cards, column) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: they never change
          <div key={column} className="w-72 shrink-0">
            <span className="skeleton mb-4 block h-4 w-24" />
            {Array.from({ length: cards }, (_, card) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: they never change
              <span key={card} className="skeleton mb-2 block h-16 rounded-lg opacity-60" />
            ))}
          </div>
        ))}
      </div>
    </div>
  );
}
