import { useEffect, useRef, useState } from "react";
import type { Id } from "../../../core/wire";
import { useBoards } from "../store";

const FLASH_MS = 2400;
/** A change comes with the sign that somebody else made it, or shortly after. */
const TOGETHER_MS = 1500;

/** The class that shows for a moment that somebody else has just changed this value. */
export function useFlash(board: Id, task: Id, value: unknown): string {
  const touched = useBoards((state) => state.boards[board]?.touched[task]?.at);
  const told = JSON.stringify(value);
  const last = useRef({ told, touched });
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const [on, setOn] = useState(false);
  useEffect(() => {
    if (told === last.current.told) return;
    const theirs = touched !== undefined && touched !== last.current.touched && Date.now() - touched < TOGETHER_MS;
    last.current = { told, touched };
    if (!theirs) return;
    setOn(true);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setOn(false), FLASH_MS);
  }, [told, touched]);
  useEffect(() => () => clearTimeout(timer.current), []);
  return on ? "flash" : "";
}
