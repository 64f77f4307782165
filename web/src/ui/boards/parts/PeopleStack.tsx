import type { Id } from "../../../core/wire";
import { listNames, personName } from "../../lib/names";
import { Avatar } from "../../parts/Avatar";
import { useBoardPeople } from "./people";

interface Props {
  board: Id;
  ids: Id[];
  most?: number;
  /** The colour behind, which parts the avatars. */
  on?: string;
}

/** Who does a task: overlapping avatars, the rest as a number. */
export function PeopleStack({ board, ids, most = 3, on = "var(--canvas)" }: Props) {
  const people = useBoardPeople(board, ids);
  if (ids.length === 0) return null;
  const shown = ids.length > most ? people.slice(0, most - 1) : people;
  const names = listNames(people.map(personName), 20);
  return (
    <span className="inline-flex shrink-0 items-center" title={names}>
      <span className="sr-only">{names}</span>
      {shown.map((person, index) => (
        <span
          key={ids[index]}
          className={`inline-flex rounded-[7px] ${index > 0 ? "-ml-0.5" : ""}`}
          style={{ boxShadow: `0 0 0 1.5px ${on}` }}
        >
          <Avatar user={person} size="xs" />
        </span>
      ))}
      {shown.length < ids.length && (
        <span
          aria-hidden="true"
          className="-ml-0.5 inline-flex h-5 min-w-5 items-center justify-center rounded-[5px] bg-pressed px-1 text-[9px] font-semibold text-ink-2"
          style={{ boxShadow: `0 0 0 1.5px ${on}`, backgroundColor: on }}
        >
          +{ids.length - shown.length}
        </span>
      )}
    </span>
  );
}
