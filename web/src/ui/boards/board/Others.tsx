import { type CSSProperties, useEffect, useState } from "react";
import { useShallow } from "zustand/react/shallow";
import type { Id } from "../../../core/wire";
import { hueOf, listNames, personName } from "../../lib/names";
import { Avatar } from "../../parts/Avatar";
import { useStore } from "../../store";
import { useBoardPeople } from "../parts/people";
import { useBoards } from "../store";

const NOBODY: Record<Id, Id | null> = {};
const MOST_FACES = 5;

/** Who else looks at the board now. */
export function Looking({ board }: { board: Id }) {
  const ids = useBoards(useShallow((state) => Object.keys(state.boards[board]?.looking ?? NOBODY)));
  const people = useBoardPeople(board, ids);
  if (ids.length === 0) return null;
  const names = `${listNames(people.map(personName), 6)} ${ids.length === 1 ? "is" : "are"} looking at this board`;
  const shown = ids.length > MOST_FACES ? MOST_FACES - 1 : ids.length;
  return (
    <span className="flex shrink-0 items-center gap-1" title={names} data-testid="looking">
      <span className="sr-only">{names}</span>
      {people.slice(0, shown).map((person, index) => (
        <span key={ids[index]} className={index > 0 ? "max-sm:hidden" : ""}>
          <Avatar user={person} size="sm" online on="var(--canvas)" />
        </span>
      ))}
      {shown < ids.length && (
        <span className="text-xs text-ink-3 tabular-nums max-sm:hidden" aria-hidden="true">
          +{ids.length - shown}
        </span>
      )}
      {ids.length > 1 && (
        <span className="text-xs text-ink-3 tabular-nums sm:hidden" aria-hidden="true">
          +{ids.length - 1}
        </span>
      )}
    </span>
  );
}

/** Who else has this task open. */
export function Lookers({ board, task }: { board: Id; task: Id }) {
  const ids = useBoards(
    useShallow((state) => {
      const looking = state.boards[board]?.looking ?? NOBODY;
      return Object.keys(looking).filter((person) => looking[person] === task);
    }),
  );
  const people = useBoardPeople(board, ids);
  if (ids.length === 0) return null;
  const names = `${listNames(people.map(personName))} ${ids.length === 1 ? "has" : "have"} this open`;
  return (
    <span className="absolute -top-2 right-8 flex gap-0.5" title={names} data-testid="lookers">
      <span className="sr-only">{names}</span>
      {people.slice(0, 3).map((person, index) => (
        <span key={ids[index]} className="inline-flex rounded-[7px] ring-2 ring-raised">
          <Avatar user={person} size="xs" />
        </span>
      ))}
    </span>
  );
}

const SHOWN_MS = 1800;

/** Who else has just moved or changed it: for a moment, in their colour. */
export function TouchedMark({ board, task }: { board: Id; task: Id }) {
  const me = useStore((state) => state.me?.id);
  const last = useBoards((state) => state.boards[board]?.touched[task]);
  const touched = last?.by === me ? undefined : last;
  const left = touched ? touched.at + SHOWN_MS - Date.now() : 0;
  const [over, setOver] = useState<typeof touched>(undefined);
  const shown = touched !== undefined && touched !== over && left > 0;
  useEffect(() => {
    if (!shown) return;
    const timer = setTimeout(() => setOver(touched), left);
    return () => clearTimeout(timer);
  }, [shown, touched, left]);
  return shown ? <Mark board={board} by={touched.by} /> : null;
}

function Mark({ board, by }: { board: Id; by: Id }) {
  const [person] = useBoardPeople(board, [by]);
  const hue = hueOf(by);
  const style = {
    "--by": `light-dark(oklch(0.46 0.12 ${hue}), oklch(0.75 0.11 ${hue}))`,
    "--on-by": `light-dark(#fff, oklch(0.2 0.03 ${hue}))`,
  } as CSSProperties;
  return (
    <span
      aria-hidden="true"
      style={style}
      className="fade pointer-events-none absolute inset-0 rounded-lg shadow-[inset_0_0_0_1.5px_var(--by)]"
      data-testid="touched"
    >
      <span className="absolute -top-2 left-2 max-w-32 truncate rounded bg-(--by) px-1.5 text-2xs font-medium text-(--on-by)">
        {personName(person)}
      </span>
    </span>
  );
}
