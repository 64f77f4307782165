import { lazy, Suspense, useEffect, useState } from "react";
import { Route, Switch, useLocation } from "wouter";
import { usePhone } from "../lib/hooks";
import { note, useUi } from "../state";
import { BoardsSidebar } from "./index/BoardsSidebar";
import { Overview } from "./index/Overview";
import { useIndex } from "./index/use-index";
import { boardActions, useBoards } from "./store";

const BoardPage = lazy(() => import("./board/BoardPage"));
const BoardSettings = lazy(() => import("./settings/BoardSettings"));
const MyTasks = lazy(() => import("./mine/MyTasks"));
const ArchivedBoards = lazy(() => import("./index/ArchivedBoards"));
const NewBoard = lazy(() => import("./index/NewBoard"));

/** Everything under /boards: the boards one sees at the left, and the page. */
export default function Boards() {
  const phone = usePhone();
  const index = useIndex();
  const [making, setMaking] = useState(false);
  const begin = () => setMaking(true);
  usePageName();
  useEffect(() => {
    if (!useBoards.getState().mine) void boardActions.loadMine("all").catch(() => undefined);
  }, []);
  const refused = useBoards((state) => state.refused);
  useEffect(() => {
    if (refused) note(`A change from before could not be made: ${refused.why}`, true);
  }, [refused]);
  return (
    <div className="flex min-h-0 min-w-0 grow">
      {!phone && <BoardsSidebar index={index} onNew={begin} />}
      <Suspense fallback={<div className="grow" aria-busy="true" />}>
        <Switch>
          <Route path="/boards">
            <Overview index={index} onNew={begin} />
          </Route>
          <Route path="/boards/mine">
            <MyTasks />
          </Route>
          <Route path="/boards/archived">
            <ArchivedBoards />
          </Route>
          <Route path="/boards/:board/settings/:section?">
            {({ board, section }) => <BoardSettings key={board} board={board} section={section} />}
          </Route>
          {/* One route for the board and its tasks: opening one must not draw the board anew. */}
          <Route path="/boards/:board/*?">{({ board }) => <BoardPage key={board} board={board} />}</Route>
        </Switch>
      </Suspense>
      <Suspense>{making && <NewBoard onClose={() => setMaking(false)} />}</Suspense>
    </div>
  );
}

const NAMES: Record<string, string> = { "": "Boards", mine: "My tasks", archived: "Archived boards" };

/** The page's name for the tab: that of the board, where there is one. */
function usePageName(): void {
  const [path] = useLocation();
  const at = path.split("/")[2] ?? "";
  const board = useBoards((state) => state.boards[at]?.data?.board.name ?? state.index?.[at]?.name);
  const page = NAMES[at] ?? board ?? "Board";
  useEffect(() => {
    useUi.setState({ page });
    return () => useUi.setState({ page: "" });
  }, [page]);
}
