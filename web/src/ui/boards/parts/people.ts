import { useShallow } from "zustand/react/shallow";
import type { Id, User } from "../../../core/wire";
import { useStore } from "../../store";

/** The people of a board with these ids, in this order. */
export function useBoardPeople(_board: Id, ids: Id[]): (User | undefined)[] {
  return useStore(useShallow((state) => ids.map((id) => state.people[id])));
}
