import { EyeOff } from "lucide-react";
import type { BoardList } from "../../../core/boards/wire";
import { tip } from "../../parts/tip";
import { attempt } from "../../state";
import { useStore } from "../../store";
import { boardActions } from "../store";

const HIDDEN = "Hidden from clients and guests";

/** Beside the name of a list that clients and guests do not see. */
export function HiddenMark() {
  return (
    <span role="img" aria-label={HIDDEN} {...tip(HIDDEN)} className="inline-flex shrink-0 text-ink-3">
      <EyeOff size={14} strokeWidth={1.75} aria-hidden="true" />
    </span>
  );
}

/** Whether there is anybody from whom a list can be hidden. */
export function useOutsiders(): boolean {
  return useStore((state) =>
    Object.values(state.people).some(({ role, active }) => active && (role === "client" || role === "guest")),
  );
}

export function showOutside({ id, name, shown_outside: shown }: BoardList): void {
  const said = shown ? `Clients and guests no longer see ${name}.` : `Clients and guests see ${name} now.`;
  void attempt(() => boardActions.changeList(id, { shown_outside: !shown }), said);
}
