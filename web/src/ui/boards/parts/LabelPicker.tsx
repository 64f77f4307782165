import { Plus } from "lucide-react";
import { type RefObject, useMemo, useRef, useState } from "react";
import type { Label } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { ICON } from "../../parts/icon";
import { attempt } from "../../state";
import { boardActions, useBoards } from "../store";
import { ColourChoice } from "./ColourChoice";
import { LabelDot } from "./LabelChip";
import { findLabels, nextColour } from "./labels";
import { PickerPopover, type PickerProps } from "./Picker";
import { SearchList } from "./SearchList";

const NO_LABELS: Record<Id, Label> = {};
const FRESH = "new";

interface Props extends PickerProps {
  board: Id;
  chosen: readonly Id[];
  onChange: (chosen: Id[]) => void;
}

/** The labels of a task; a name no label has yet makes a new one. */
export function LabelPicker({ board, chosen, onChange, ...picker }: Props) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <PickerPopover {...picker} label="Labels" initialFocus={field}>
      {() => <Labels board={board} chosen={chosen} onChange={onChange} field={field} />}
    </PickerPopover>
  );
}

function Labels({
  board,
  chosen,
  onChange,
  field,
}: Pick<Props, "board" | "chosen" | "onChange"> & { field: RefObject<HTMLInputElement | null> }) {
  const labels = useBoards((state) => state.boards[board]?.data?.labels) ?? NO_LABELS;
  const [query, setQuery] = useState("");
  const [colour, setColour] = useState(() => nextColour(labels));
  const [busy, setBusy] = useState(false);
  const { found, fresh } = useMemo(() => findLabels(labels, query), [labels, query]);
  const options = found.map((label) => ({
    id: label.id,
    name: label.name,
    mark: <LabelDot colour={label.colour} />,
  }));
  if (fresh !== null)
    options.push({ id: FRESH, name: `Make “${fresh}”`, mark: <Plus {...ICON} size={14} className="shrink-0" /> });
  const make = async (name: string) => {
    if (busy) return;
    setBusy(true);
    await attempt(async () => {
      const made = await boardActions.createLabel(board, { name, colour });
      onChange([...chosen, made.id]);
      setQuery("");
      setColour(nextColour({ ...labels, [made.id]: made }));
    });
    setBusy(false);
  };
  return (
    <>
      <SearchList
        field={field}
        label="Labels"
        placeholder="Find or make a label"
        query={query}
        onQuery={setQuery}
        options={options}
        chosen={chosen}
        onToggle={(id) => {
          if (id === FRESH) return void (fresh !== null && make(fresh));
          onChange(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id]);
          setQuery("");
        }}
        nothing="No labels yet. Type a name to make one."
      />
      {fresh !== null && (
        <div className="mt-1 border-t border-line px-2 pt-2 pb-1">
          <ColourChoice colour={colour} onChange={setColour} />
        </div>
      )}
    </>
  );
}
