import { Trash2 } from "lucide-react";
import { useMemo, useState } from "react";
import type { Colour, Label } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { plural } from "../../lib/names";
import { IconButton } from "../../parts/IconButton";
import { attempt, openOverlay } from "../../state";
import { byName } from "../index/use-index";
import { ColourChoice } from "../parts/ColourChoice";
import { LabelDot } from "../parts/LabelChip";
import { nextColour } from "../parts/labels";
import { PickerPopover } from "../parts/Picker";
import { boardActions } from "../store";
import { AddByName } from "./AddByName";
import type { SectionProps } from "./BoardSettings";
import { NameInput } from "./NameInput";

const LONGEST = 40;

/** The board's labels: their names and colours. */
export default function Labels({ board, data, editable }: SectionProps) {
  const labels = useMemo(() => Object.values(data.labels).sort(byName), [data.labels]);
  const counts = useMemo(() => {
    const found = new Map<Id, number>();
    for (const card of Object.values(data.tasks)) {
      for (const label of card.labels) found.set(label, (found.get(label) ?? 0) + 1);
    }
    return found;
  }, [data.tasks]);
  return (
    <section className="py-6">
      <ul className="divide-y divide-line border-y border-line">
        {labels.map((label) => (
          <LabelRow key={label.id} board={board} label={label} count={counts.get(label.id) ?? 0} editable={editable} />
        ))}
        {labels.length === 0 && (
          <li className="py-4 text-ink-3">No labels yet. They tell kinds of tasks apart, as “Bug” and “Design” do.</li>
        )}
      </ul>
      {editable && <NewLabel board={board} labels={data.labels} />}
    </section>
  );
}

interface RowProps {
  board: Id;
  label: Label;
  count: number;
  editable: boolean;
}

function LabelRow({ board, label, count, editable }: RowProps) {
  const change = (wanted: { name?: string; colour?: Colour }) =>
    void attempt(() => boardActions.changeLabel(board, label.id, wanted));
  const remove = () =>
    openOverlay({
      name: "confirm",
      title: `Remove the label ${label.name}?`,
      text:
        count > 0
          ? `It is taken off ${plural(count, "task")}. This cannot be undone.`
          : "It is on no task. This cannot be undone.",
      verb: "Remove",
      danger: true,
      run: () => boardActions.removeLabel(board, label.id),
    });
  return (
    <li className="flex min-h-12 items-center gap-2 py-1" data-label={label.id}>
      <ColourButton
        colour={label.colour}
        label={`Colour of ${label.name}: ${label.colour}`}
        disabled={!editable}
        onChange={(colour) => change({ colour })}
      />
      <div className="ml-2 min-w-0 grow">
        <NameInput
          name={label.name}
          label={`Name of the label ${label.name}`}
          maxLength={LONGEST}
          disabled={!editable}
          onChange={(name) => change({ name })}
        />
      </div>
      <span className="shrink-0 px-2 text-sm text-ink-3 tabular-nums">{plural(count, "task")}</span>
      {editable && <IconButton icon={Trash2} label={`Remove the label ${label.name}`} onClick={remove} />}
    </li>
  );
}

interface ColourProps {
  colour: Colour;
  label: string;
  disabled?: boolean;
  onChange: (colour: Colour) => void;
}

function ColourButton({ colour, label, disabled = false, onChange }: ColourProps) {
  return (
    <PickerPopover
      label="Colour"
      trigger={
        <button
          type="button"
          aria-label={label}
          disabled={disabled}
          className="inline-flex size-8 shrink-0 items-center justify-center rounded-md hover:bg-hover disabled:hover:bg-transparent coarse:size-10"
        >
          <LabelDot colour={colour} />
        </button>
      }
    >
      {(close) => (
        <div className="p-2">
          <ColourChoice
            colour={colour}
            onChange={(next) => {
              onChange(next);
              close();
            }}
          />
        </div>
      )}
    </PickerPopover>
  );
}

function NewLabel({ board, labels }: { board: Id; labels: Record<Id, Label> }) {
  const [wished, setWished] = useState<Colour | null>(null);
  const colour = wished ?? nextColour(labels);
  const add = async (name: string) => {
    const added = await attempt(() => boardActions.createLabel(board, { name, colour }));
    if (added) setWished(null);
    return added;
  };
  return (
    <AddByName what="label" longest={LONGEST} onAdd={add}>
      <ColourButton colour={colour} label={`Colour of the new label: ${colour}`} onChange={setWished} />
    </AddByName>
  );
}
