import { useMemo } from "react";
import { useShallow } from "zustand/react/shallow";
import type { BoardMember } from "../../../core/boards/wire";
import type { Id, User } from "../../../core/wire";
import { useStore } from "../../store";
import { useBoards } from "../store";
import { asUser, peopleOf } from "./assignable";

const NOBODY: BoardMember[] = [];

export function useAssignable(board: Id): User[] {
  const people = useStore((state) => state.people);
  const about = useBoards((state) => state.boards[board]?.data?.board);
  const members = useBoards((state) => state.boards[board]?.data?.members) ?? NOBODY;
  return useMemo(() => peopleOf(people, about, members), [people, about, members]);
}

/** The people of a board with these ids, in this order. */
export function useBoardPeople(board: Id, ids: readonly Id[]): (User | undefined)[] {
  const members = useBoards((state) => state.boards[board]?.data?.members) ?? NOBODY;
  const known = useStore(useShallow((state) => ids.map((id) => state.people[id])));
  return useMemo(
    () =>
      known.map((user, index) => {
        const member = user ? undefined : members.find((one) => one.user === ids[index]);
        return member ? asUser(member) : user;
      }),
    [known, members, ids],
  );
}
