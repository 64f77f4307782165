import { useLayoutEffect, useRef } from "react";
import { createPortal } from "react-dom";
import { StatusMark } from "../parts/StatusMark";
import { useBoards } from "../store";
import { useCard, useScene } from "./scene";
import { useBoardUi } from "./state";
import { Count, Facts, Labels } from "./TaskCard";
import { FOLLOW, pointer } from "./use-dragging";

/** What is dragged, under the pointer. It is moved by hand: a drag draws nothing but the places it changes. */
export function Follower() {
  const pointed = useBoardUi(
    ({ carried }) => carried !== null && (carried.kind === "list" || carried.by === "pointer"),
  );
  return pointed ? createPortal(<Following />, document.body) : null;
}

function Following() {
  const box = useRef<HTMLDivElement>(null);
  const task = useBoardUi(({ carried }) => (carried?.kind === "tasks" ? carried.lead : null));
  const list = useBoardUi(({ carried }) => (carried?.kind === "list" ? carried.list : null));
  useLayoutEffect(() => {
    const follow = () => {
      if (box.current)
        box.current.style.transform = `translate(${pointer.x - pointer.left}px, ${pointer.y - pointer.top}px)`;
    };
    follow();
    window.addEventListener(FOLLOW, follow);
    return () => window.removeEventListener(FOLLOW, follow);
  }, []);
  return (
    <div
      ref={box}
      aria-hidden="true"
      data-follower
      className="pointer-events-none fixed top-0 left-0 z-50 cursor-grabbing"
      style={{ width: pointer.width }}
    >
      {task !== null && <CardImage task={task} />}
      {list !== null && <ListImage list={list} />}
    </div>
  );
}

function CardImage({ task }: { task: string }) {
  const { board } = useScene();
  const card = useCard(board, task);
  const company = useBoardUi(({ carried }) => (carried?.kind === "tasks" ? carried.ids.length : 1));
  if (!card) return null;
  return (
    <div className="relative">
      {company > 1 && (
        <div className="absolute inset-0 translate-x-1 translate-y-1 rounded-lg bg-raised shadow-[inset_0_0_0_1px_var(--line-strong)]" />
      )}
      <div className="float-surface relative rounded-lg px-3 py-2.5 text-sm max-md:text-[15px]">
        <Labels board={board} ids={card.labels} />
        <p className="line-clamp-5 pr-5 leading-5 break-words">{card.title}</p>
        <Facts card={card} />
      </div>
      {company > 1 && <Count of={company} />}
    </div>
  );
}

function ListImage({ list: id }: { list: string }) {
  const { board } = useScene();
  const list = useBoards((state) => state.boards[board]?.data?.lists.find((one) => one.id === id));
  const count = useBoards((state) => state.boards[board]?.data?.order[id]?.length ?? 0);
  if (!list) return null;
  return (
    <div className="float-surface flex h-10 items-center gap-2 rounded-lg px-2 text-sm font-semibold">
      <StatusMark status={list.status} />
      <span className="min-w-0 truncate">{list.name}</span>
      <span className="text-xs font-normal text-ink-3 tabular-nums">{count}</span>
    </div>
  );
}
