import { type RefObject, useLayoutEffect } from "react";

/** Characters of a message, by the contract. */
export const LONGEST = 8000;

/** A textarea as high as its text, up to `most` lines. */
export function useGrowing(box: RefObject<HTMLTextAreaElement | null>, text: string, most: number): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the height follows the text
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const style = getComputedStyle(element);
    const line = Number.parseFloat(style.lineHeight) || 22;
    const padding = Number.parseFloat(style.paddingTop) + Number.parseFloat(style.paddingBottom) || 0;
    element.style.height = "0";
    const height = Math.min(element.scrollHeight, Math.round(line * most + padding));
    element.style.height = `${height}px`;
    element.style.overflowY = element.scrollHeight > height + 1 ? "auto" : "hidden";
  }, [box, text, most]);
}

/** Puts text in the place of [start, end) as if typed, so that undo knows it; the caret comes after it. */
export function typeInto(element: HTMLTextAreaElement, start: number, end: number, text: string): void {
  element.focus();
  element.setSelectionRange(start, end);
  // Deprecated and without successor: the only way to keep the browser's undo stack whole.
  const typed = typeof document.execCommand === "function" && document.execCommand("insertText", false, text);
  if (typed) return;
  element.setRangeText(text, start, end, "end");
  element.dispatchEvent(new Event("input", { bubbles: true }));
}
