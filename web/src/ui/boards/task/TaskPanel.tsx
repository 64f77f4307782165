import { ArchiveRestore, CircleSlash } from "lucide-react";
import { type KeyboardEvent, memo, type RefObject, useEffect, useRef, useState } from "react";
import { useLocation, useSearch } from "wouter";
import type { Card } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { usePhone } from "../../lib/hooks";
import { Button } from "../../parts/Button";
import { Empty } from "../../parts/Empty";
import { attempt } from "../../state";
import { taskPath } from "../paths";
import { boardActions, useBoards } from "../store";
import { Checklist } from "./Checklist";
import { CommentBox } from "./CommentBox";
import { Description } from "./Description";
import { Fields } from "./Fields";
import { Origin } from "./Origin";
import { PanelHead } from "./PanelHead";
import { type May, useMay } from "./rights";
import { Talk } from "./Talk";
import { Title } from "./Title";
import { useNeighbours } from "./use-neighbours";

interface Props {
  board: Id;
  task: Id;
  onClose: () => void;
}

/** A task whole: at the right of its board, or a page of its own on a phone. */
export function TaskPanel({ board, task: asked, onClose }: Props) {
  const task = useBoards((state) => state.made[asked] ?? asked);
  const phone = usePhone();
  const [, navigate] = useLocation();
  const search = useSearch();
  const card = useBoards((state) => state.boards[board]?.data?.tasks[task] ?? state.details[task]?.card ?? null);
  const error = useBoards((state) => state.details[task]?.error ?? null);
  const key = useBoards((state) => state.keys[task] ?? task);
  const [tries, setTries] = useState(0);
  const may = useMay(board, card);
  const { previous, next } = useNeighbours(board, task);
  const frame = useRef<HTMLElement>(null);

  useEffect(() => boardActions.openBoard(board), [board]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new try loads it again
  useEffect(() => boardActions.openTask(board, task), [board, task, tries]);
  useEffect(() => boardActions.lookAt(board, task), [board, task]);
  useEffect(() => () => boardActions.lookAt(board, null), [board]);
  useFocusInside(frame, task);

  const go = (to: Id | undefined) =>
    to === undefined ? undefined : () => navigate(taskPath(board, to, search), { replace: true });
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const inside = event.currentTarget.contains(event.target as Node);
    if (!inside || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && !event.shiftKey) return onClose();
    if ((event.target as Element).matches("input, textarea, select")) return;
    const run = { j: go(next), k: go(previous), e: () => press(frame.current, "[data-edit-description]") }[event.key];
    if (!run) return;
    event.preventDefault();
    run();
  };
  const Frame = phone ? "main" : "aside";
  return (
    <Frame
      ref={frame}
      tabIndex={-1}
      aria-label={card ? `Task ${card.title}` : "Task"}
      onKeyDown={onKeyDown}
      className="flex min-h-0 w-full shrink-0 flex-col bg-canvas outline-none md:w-120 md:border-l md:border-line max-xl:md:absolute max-xl:md:inset-y-0 max-xl:md:right-0 max-xl:md:z-30 max-xl:md:shadow-float"
    >
      <PanelHead
        board={board}
        task={task}
        card={card}
        may={may}
        previous={go(previous)}
        next={go(next)}
        onClose={onClose}
      />
      {card ? (
        <Body key={key} card={card} may={may} onRetry={setTries} />
      ) : error !== null ? (
        <div className="m-auto">
          <Empty icon={CircleSlash} title="This task can't be shown" text={error}>
            <div className="flex gap-2">
              <Button onClick={() => setTries(tries + 1)}>Try again</Button>
              <Button onClick={onClose}>Back to the board</Button>
            </div>
          </Empty>
        </div>
      ) : (
        <Skeleton />
      )}
    </Frame>
  );
}

function press(frame: HTMLElement | null, selector: string): void {
  frame?.querySelector<HTMLElement>(selector)?.click();
}

/** The focus goes into the panel, and back to the task's card when it closes. */
function useFocusInside(frame: RefObject<HTMLElement | null>, task: Id): void {
  const last = useRef(task);
  last.current = task;
  useEffect(() => {
    const element = frame.current;
    const from = document.activeElement;
    if (element && !element.contains(from)) element.focus({ preventScroll: true });
    return () => {
      requestAnimationFrame(() => {
        const active = document.activeElement ?? document.body;
        const own = `[data-task="${CSS.escape(last.current)}"]`;
        // The board may have given it to the card where its cursor stands, which need not be this task's.
        if (active !== document.body && (active.matches(own) || !active.matches("[data-task]"))) return;
        const card = document.querySelector<HTMLElement>(own);
        const back = card ?? (from instanceof HTMLElement && from.isConnected ? from : null);
        back?.focus({ preventScroll: true });
      });
    };
  }, [frame]);
}

interface BodyProps {
  card: Card;
  may: May;
  onRetry: (change: (tries: number) => number) => void;
}

const Body = memo(function Body({ card, may, onRetry }: BodyProps) {
  const { board, id: task } = card;
  const detail = useBoards((state) => state.details[task]);
  const [tab, setTab] = useState("comments");
  const end = useRef<HTMLDivElement>(null);
  const toEnd = () => {
    setTab("comments");
    requestAnimationFrame(() => end.current?.scrollIntoView({ block: "nearest" }));
  };
  return (
    <>
      <div className="min-h-0 grow overflow-y-auto overscroll-contain">
        {card.archived && <Archived card={card} may={may} />}
        <div className="px-4 pt-4 md:px-6">
          <Title card={card} editable={may.edit} />
          <Fields card={card} editable={may.edit} />
        </div>
        {detail?.error ? (
          <div
            role="alert"
            className="mx-4 mt-6 flex items-center gap-3 rounded-md bg-danger-soft px-3 py-2 text-sm text-danger-ink md:mx-6"
          >
            <span className="grow">{detail.error}</span>
            <Button small onClick={() => onRetry((tries) => tries + 1)}>
              Try again
            </Button>
          </div>
        ) : !detail || detail.loading ? (
          <Skeleton />
        ) : (
          <>
            <Description board={board} task={task} description={detail.description} editable={may.edit} />
            <Checklist board={board} task={task} items={detail.checklist} editable={may.edit} />
            <Talk
              board={board}
              task={task}
              count={card.comments}
              detail={detail}
              speaks={may.comment}
              tab={tab}
              onTab={setTab}
            />
            <div ref={end} />
            <Origin card={card} />
          </>
        )}
      </div>
      {may.comment && detail && !detail.loading && !detail.error && (
        <CommentBox board={board} task={task} onSent={toEnd} />
      )}
    </>
  );
});

function Archived({ card, may }: { card: Card; may: May }) {
  return (
    <div className="flex items-center gap-3 border-b border-line bg-notice px-4 py-2 text-sm text-notice-ink md:px-6">
      <p className="grow">This task is archived.</p>
      {may.keep && (
        <Button small onClick={() => void attempt(() => boardActions.restoreTask(card.board, card.id), "Restored.")}>
          <ArchiveRestore size={15} strokeWidth={1.75} aria-hidden="true" />
          Restore
        </Button>
      )}
    </div>
  );
}

function Skeleton() {
  return (
    <div aria-busy="true" className="grid gap-3 px-4 pt-6 md:px-6">
      <span className="sr-only">Loading</span>
      <span className="skeleton h-4 w-3/5" />
      <span className="skeleton h-4 w-4/5" />
      <span className="skeleton h-4 w-2/5" />
    </div>
  );
}
