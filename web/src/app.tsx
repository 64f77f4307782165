import { lazy, Suspense, useEffect, useState } from "react";
import { Redirect, Route, Switch, useLocation } from "wouter";
import { Overlays } from "./ui/overlays/Overlays";
import { Announcer } from "./ui/parts/Announcer";
import { Notes } from "./ui/parts/Notes";
import { Shell } from "./ui/shell/Shell";
import { Starting } from "./ui/shell/Starting";
import { closeEmoji, closeOverlay } from "./ui/state";
import { useStore } from "./ui/store";

const FirstRun = lazy(() => import("./ui/gate/FirstRun"));
const SignIn = lazy(() => import("./ui/gate/SignIn"));
const Join = lazy(() => import("./ui/gate/Join"));
const TipLayer = lazy(() => import("./ui/parts/TipLayer"));
const GuestEntry = lazy(() => import("./ui/gate/GuestEntry"));

export function App() {
  const phase = useStore((state) => state.phase);
  useEffect(() => {
    // What was open belongs to the one who opened it.
    if (phase === "signed-out") {
      closeOverlay();
      closeEmoji();
    }
  }, [phase]);
  return (
    <>
      {phase === "starting" && <Starting />}
      {phase === "signed-out" && (
        <Suspense fallback={<Starting bare />}>
          <Outside />
        </Suspense>
      )}
      {phase === "signed-in" && <Inside />}
      <Overlays />
      <Notes />
      <Announcer />
      <Tips />
    </>
  );
}

/** Tooltips come with the first pointer or Tab that could want one. */
function Tips() {
  const [wanted, setWanted] = useState(false);
  useEffect(() => {
    if (wanted) return;
    const want = (event: Event) => {
      if (event instanceof KeyboardEvent ? event.key !== "Tab" : !(event.target as Element).closest("[data-tip]"))
        return;
      setWanted(true);
    };
    document.addEventListener("pointerover", want);
    document.addEventListener("keydown", want);
    return () => {
      document.removeEventListener("pointerover", want);
      document.removeEventListener("keydown", want);
    };
  }, [wanted]);
  return (
    wanted && (
      <Suspense>
        <TipLayer />
      </Suspense>
    )
  );
}

function Outside() {
  const setup = useStore((state) => state.setup);
  if (setup?.first_run) return <FirstRun />;
  return (
    <Switch>
      <Route path="/join/:code">{({ code }) => <Join key={code} code={code} />}</Route>
      <Route path="/guest/:code">{({ code }) => <GuestEntry key={code} code={code} />}</Route>
      <Route path="/sign-up">{setup?.signup_open ? <Join /> : <SignIn />}</Route>
      <Route>
        <SignIn />
      </Route>
    </Switch>
  );
}

const ENTRANCES = /^\/(sign-in|sign-up|join|guest)(\/|$)/;

/** Whoever is in already has no use for the entrances. */
function Inside() {
  const [path] = useLocation();
  return ENTRANCES.test(path) ? <Redirect to="/" replace /> : <Shell />;
}
