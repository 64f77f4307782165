import { useStore } from "../store";

/** True for an owner who has nobody to talk to yet. */
export function useAlone(): boolean {
  return useStore(
    (state) => state.me?.role === "owner" && Object.keys(state.people).length <= 1 && state.workspace?.sample !== true,
  );
}
