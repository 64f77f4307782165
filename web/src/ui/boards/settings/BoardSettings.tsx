import { type ComponentType, lazy, Suspense, useEffect } from "react";
import { Link, Redirect } from "wouter";
import type { BoardData } from "../../../core/boards/store";
import type { Right } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { Button } from "../../parts/Button";
import { attempt } from "../../state";
import { PageHeader } from "../PageHeader";
import { boardPath, OVERVIEW, settingsPath } from "../paths";
import { boardActions, useBoards } from "../store";

export interface SectionProps {
  board: Id;
  data: BoardData;
  /** An archived board can only be looked at. */
  editable: boolean;
}

type Page = ComponentType<SectionProps>;
const SECTIONS: { key: string; name: string; right: Right; page: Page }[] = [
  { key: "general", name: "General", right: "manage", page: lazy(() => import("./General")) },
  { key: "people", name: "People", right: "view", page: lazy(() => import("./Members")) },
  { key: "lists", name: "Lists", right: "edit", page: lazy(() => import("./Lists")) },
  { key: "labels", name: "Labels", right: "edit", page: lazy(() => import("./Labels")) },
  { key: "archive", name: "Archive", right: "view", page: lazy(() => import("./Archive")) },
  { key: "activity", name: "Activity", right: "view", page: lazy(() => import("./Activity")) },
];

const RIGHTS: Right[] = ["view", "comment", "edit", "manage"];
export const hasRight = (own: Right, needed: Right) => RIGHTS.indexOf(own) >= RIGHTS.indexOf(needed);

/** Everything about one board that is not its tasks. */
export default function BoardSettings({ board, section }: { board: Id; section: string | undefined }) {
  const state = useBoards((boards) => boards.boards[board]);
  useEffect(() => boardActions.openBoard(board), [board]);
  const { data } = state ?? {};
  return (
    <main className="min-h-0 min-w-0 grow overflow-y-auto">
      <div className="mx-auto max-w-3xl px-4 py-4 md:px-8 md:py-8">
        {data && !state?.gone ? (
          <Shown board={board} data={data} section={section} />
        ) : state?.gone ? (
          <div className="flex flex-col items-start gap-3 py-6 text-ink-2">
            <p>There is no such board, or it is not shown to you.</p>
            <Link href={OVERVIEW} className="font-medium text-accent-ink underline underline-offset-3">
              To the boards
            </Link>
          </div>
        ) : state?.error ? (
          <div role="alert" className="flex flex-col items-start gap-3 py-6 text-ink-2">
            <p>{state.error}</p>
            <Button onClick={() => boardActions.retryBoard(board)}>Try again</Button>
          </div>
        ) : (
          <Waiting />
        )}
      </div>
    </main>
  );
}

function Shown({ board, data, section }: { board: Id; data: BoardData; section: string | undefined }) {
  const shown = SECTIONS.filter(({ right }) => hasRight(data.right, right));
  const current = shown.find(({ key }) => key === section);
  if (!current) return <Redirect to={settingsPath(board, shown[0]?.key)} replace />;
  const Page = current.page;
  const { archived, name } = data.board;
  return (
    <>
      <PageHeader title={name} back={{ href: boardPath(board), label: `Back to ${name}` }} />
      {archived && <Archived board={board} name={name} manages={data.right === "manage"} />}
      <nav
        aria-label="Board settings"
        className="-mx-4 mt-3 flex gap-6 overflow-x-auto border-b border-line px-4 [scrollbar-width:none] md:mx-0 md:px-0"
      >
        {shown.map(({ key, name: title }) => (
          <Link
            key={key}
            href={settingsPath(board, key)}
            replace
            aria-current={key === current.key ? "page" : undefined}
            className="-mb-px flex h-10 shrink-0 items-center border-b-2 border-transparent text-sm font-medium text-ink-2 -outline-offset-2 hover:text-ink aria-[current]:border-accent aria-[current]:text-ink coarse:h-12"
          >
            {title}
          </Link>
        ))}
      </nav>
      <Suspense fallback={<Waiting />}>
        <Page board={board} data={data} editable={hasRight(data.right, "edit") && !archived} />
      </Suspense>
    </>
  );
}

function Archived({ board, name, manages }: { board: Id; name: string; manages: boolean }) {
  const restore = () =>
    attempt(() => boardActions.changeBoard(board, { archived: false }), `${name} is back among the boards.`);
  return (
    <div className="mt-4 flex flex-wrap items-center gap-3 rounded-lg bg-notice px-4 py-2 text-sm text-notice-ink">
      <p className="min-w-40 grow basis-0">This board is archived. It can be looked at, and nothing on it changes.</p>
      {manages && (
        <Button small onClick={restore}>
          Restore
        </Button>
      )}
    </div>
  );
}

function Waiting() {
  return (
    <div aria-busy="true" className="grid gap-4 py-6">
      <div className="skeleton h-8 w-1/2" />
      <div className="skeleton h-5" />
      <div className="skeleton h-5" />
    </div>
  );
}
