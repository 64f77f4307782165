import { useMemo } from "react";
import type { Entry, Id } from "../../../core/wire";
import { personName } from "../../lib/names";
import { useStore } from "../../store";
import { useBoards } from "../store";
import { type ActivityLine, type ActivityNames, describeActivity } from "./activity";

/** Sentences for entries of a board's stream, newest first; `about` names the task whose panel they stand in. */
export function useActivity(board: Id, entries: Entry[], about?: Id): ActivityLine[] {
  const people = useStore((state) => state.people);
  const me = useStore((state) => state.me?.id);
  const data = useBoards((state) => state.boards[board]?.data);
  return useMemo(() => {
    const members = new Map(data?.members.map(({ user, name }) => [user, name]));
    const names: ActivityNames = {
      person: (id) => people[id]?.name ?? members.get(id) ?? personName(undefined),
      task: (id) => data?.tasks[id]?.title,
      list: (id) => data?.lists.find((list) => list.id === id)?.name,
      label: (id) => data?.labels[id]?.name,
    };
    return describeActivity(entries, names, about === undefined ? { me } : { me, about });
  }, [entries, people, me, data, about]);
}
