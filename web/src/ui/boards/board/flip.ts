/** Shows where cards went: each slides from where it was to where it is, however it came there. */
import { useEffect, useLayoutEffect } from "react";
import type { Id } from "../../../core/wire";
import { useBoards } from "../store";
import type { Scene } from "./scene";

const SLIDE_MS = 140;
const EASING = "cubic-bezier(0.2, 0, 0, 1)";
/** More at once is a new sight, not a move. */
const MOST = 150;

interface First {
  rect: DOMRect;
  list: string | undefined;
}

const firsts = new Map<string, First>();
let sliding = 0;

const calm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;
const things = (scene: Scene) => [...(scene.root?.querySelectorAll<HTMLElement>("[data-card], [data-column]") ?? [])];
const keyOf = ({ dataset }: HTMLElement) =>
  dataset.column ? `list ${dataset.column}` : `${dataset.lane}/${dataset.task}`;

/** Notes where everything is, before it is drawn anew. */
function noteFirsts(scene: Scene): void {
  if (firsts.size > 0 || sliding > 0 || calm()) return;
  const seen = things(scene);
  if (seen.length > MOST) return;
  for (const element of seen)
    firsts.set(keyOf(element), { rect: element.getBoundingClientRect(), list: element.dataset.list });
  // What is not drawn anew by then was no move.
  requestAnimationFrame(() => firsts.clear());
}

/** Changes something that moves what is seen. */
export function flipping(scene: Scene, change: () => void): void {
  noteFirsts(scene);
  change();
}

/** What is dropped comes from under the pointer. */
export function flyFromPointer(scene: Scene, tasks: readonly Id[]): void {
  const follower = document.querySelector("[data-follower]");
  if (!follower || calm()) return;
  noteFirsts(scene);
  const rect = follower.getBoundingClientRect();
  for (const task of tasks) for (const { key } of scene.grid.lanes) firsts.set(`${key}/${task}`, { rect, list: "" });
}

function play(scene: Scene): void {
  if (firsts.size === 0) return;
  const noted = new Map(firsts);
  firsts.clear();
  for (const element of things(scene)) {
    const first = noted.get(keyOf(element));
    if (!first) continue;
    const { left, top } = element.getBoundingClientRect();
    const [x, y] = [first.rect.left - left, first.rect.top - top];
    if (Math.abs(x) + Math.abs(y) < 2) continue;
    if (element.dataset.list === first.list) slide(element, x, y);
    else fly(element, x, y);
  }
}

function slide(element: HTMLElement, x: number, y: number, arrived?: () => void): void {
  sliding += 1;
  const animation = element.animate([{ transform: `translate(${x}px, ${y}px)` }, { transform: "none" }], {
    duration: SLIDE_MS,
    easing: EASING,
  });
  animation.onfinish = animation.oncancel = () => {
    sliding -= 1;
    arrived?.();
  };
}

/** A list cuts its cards off at its edges, so an image of the card flies, and the card shows when it has arrived. */
function fly(element: HTMLElement, x: number, y: number): void {
  const { left, top, width, height } = element.getBoundingClientRect();
  const image = element.cloneNode(true) as HTMLElement;
  for (const name of ["data-card", "data-task", "tabindex"]) image.removeAttribute(name);
  image.setAttribute("aria-hidden", "true");
  image.classList.add("pointer-events-none", "fixed", "z-30", "shadow-float");
  Object.assign(image.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
  document.body.append(image);
  element.style.opacity = "0";
  slide(image, x, y, () => {
    image.remove();
    element.style.opacity = "";
  });
}

/** Slides what others, or one's own commands, move. `sight`: what is drawn. */
export function useFlip(scene: Scene, ...sight: unknown[]): void {
  useEffect(
    () =>
      useBoards.subscribe((state, before) => {
        const [now, then] = [state.boards[scene.board]?.data, before.boards[scene.board]?.data];
        if (now && then && (now.order !== then.order || now.lists !== then.lists)) noteFirsts(scene);
      }),
    [scene],
  );
  useLayoutEffect(() => play(scene), [scene, ...sight]);
}
