import { lazy, type ReactNode, Suspense, useEffect } from "react";
import { Redirect, Route, Switch, useLocation, useRoute } from "wouter";
import { RoomPage } from "../chat/RoomPage";
import { usePhone } from "../lib/hooks";
import { Boundary } from "../parts/Boundary";
import { useStore } from "../store";
import { ConnectionBanner } from "./ConnectionBanner";
import { Home } from "./Home";
import { Rail } from "./Rail";
import { Sidebar } from "./Sidebar";
import { useShortcuts } from "./shortcuts";
import { useDocumentTitle } from "./title";

const Boards = lazy(() => import("../boards/Boards"));
const People = lazy(() => import("../people/People"));
const Operations = lazy(() => import("../operations/Operations"));
const Settings = lazy(() => import("../settings/Settings"));

/** Everything one sees once one is in. */
export function Shell() {
  const phone = usePhone();
  const [atHome] = useRoute("/");
  const [inRoom] = useRoute("/r/*?");
  const [inTask] = useRoute("/boards/:board/t/:task");
  const [path] = useLocation();
  useShortcuts();
  useDocumentTitle();
  useNotices();
  const sidebar = phone ? atHome : atHome || inRoom;
  return (
    <div className="flex h-dvh flex-col">
      {!(phone && atHome) && (
        <a
          href="#content"
          className="sr-only z-50 rounded-md bg-tip px-3 py-2 text-on-tip focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
        >
          Skip to content
        </a>
      )}
      <ConnectionBanner />
      <div className={`flex min-h-0 grow ${phone ? "flex-col-reverse" : ""}`}>
        {!(phone && (inRoom || inTask)) && <Rail bottom={phone} />}
        {sidebar && <Sidebar />}
        {!(phone && atHome) && (
          <div id="content" tabIndex={-1} className="relative flex min-h-0 min-w-0 grow outline-none">
            <Boundary key={path.startsWith("/boards") ? "/boards" : path}>
              <Suspense fallback={<Waiting />}>
                <Switch>
                  <Route path="/r/:room/m/:seq">
                    {({ room, seq }) => <RoomPage key={room} room={room} seq={Number(seq)} />}
                  </Route>
                  <Route path="/r/:room">{({ room }) => <RoomPage key={room} room={room} />}</Route>
                  <Route path="/boards/*?">
                    <Boards />
                  </Route>
                  <Route path="/people">
                    <People />
                  </Route>
                  <Route path="/operations">
                    <Operations />
                  </Route>
                  <Route path="/settings/:section">{({ section }) => <Settings section={section} />}</Route>
                  <Route path="/">
                    <Home />
                  </Route>
                  <Route>
                    <Redirect to="/" replace />
                  </Route>
                </Switch>
              </Suspense>
            </Boundary>
          </div>
        )}
      </div>
    </div>
  );
}

/** Says what one's own stream tells of tasks. */
function useNotices(): void {
  const notice = useStore((state) => state.notice);
  useEffect(() => {
    if (notice)
      import("../boards/aside/notices").then(
        ({ tell }) => tell(notice),
        () => undefined,
      );
  }, [notice]);
}

function Waiting(): ReactNode {
  return <div className="grow" aria-busy="true" />;
}
