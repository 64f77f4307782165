import { Plus } from "lucide-react";
import { useState } from "react";
import { attempt } from "../../state";
import { boardActions } from "../store";
import { LONGEST_LIST } from "./ColumnHeader";
import { NameField } from "./InlineName";
import { useScene } from "./scene";

/** At the end of the lists: another one. Enter adds it and asks for the next. */
export function AddList() {
  const { board } = useScene();
  const [open, setOpen] = useState(0);
  return (
    <div className="flex h-10 w-72 shrink-0 items-center max-md:w-[calc(100vw-32px)] max-md:snap-center">
      {open > 0 ? (
        <NameField
          key={open}
          name=""
          label="Name of the new list"
          maxLength={LONGEST_LIST}
          className="h-9 grow px-3 text-sm"
          onEnd={(name, entered) => {
            setOpen(name !== null && entered ? open + 1 : 0);
            if (name !== null) void attempt(() => boardActions.createList(board, { name }));
          }}
        />
      ) : (
        <button
          type="button"
          onClick={() => setOpen(1)}
          className="flex h-9 w-full items-center gap-2 rounded-lg px-3 text-sm text-ink-3 transition-colors hover:bg-hover hover:text-ink coarse:h-11"
        >
          <Plus size={16} strokeWidth={1.75} aria-hidden="true" />
          Add a list
        </button>
      )}
    </div>
  );
}
