import { SquareKanban } from "lucide-react";
import { useState } from "react";
import { Button } from "../../parts/Button";
import { Empty } from "../../parts/Empty";
import { attempt } from "../../state";
import { boardActions } from "../store";
import { useScene } from "./scene";

const FIRST = [
  { name: "To do", status: "open" },
  { name: "Doing", status: "doing" },
  { name: "Done", status: "done" },
] as const;

/** A board without lists. */
export function EmptyBoard({ editable }: { editable: boolean }) {
  const { board } = useScene();
  const [busy, setBusy] = useState(false);
  const begin = async () => {
    setBusy(true);
    await attempt(async () => {
      for (const list of FIRST) await boardActions.createList(board, list);
    });
    setBusy(false);
  };
  return (
    <div className="m-auto">
      <Empty
        icon={SquareKanban}
        title="Nothing here yet"
        text={
          editable
            ? "Tasks stand in lists: begin with three, and change them as you like."
            : "Nobody has made a list yet."
        }
      >
        {editable && (
          <Button look="primary" busy={busy} onClick={begin}>
            Add To do, Doing and Done
          </Button>
        )}
      </Empty>
    </div>
  );
}
