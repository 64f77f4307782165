import type { Priority } from "../../../core/boards/wire";
import { ChoiceMenu, type PickerProps } from "./Picker";
import { PRIORITIES, PRIORITY_NAMES, PriorityMark } from "./PriorityMark";

const NONE = "none";

const CHOICES = [...PRIORITIES, NONE].map((value) => ({
  value,
  name: value === NONE ? "No priority" : PRIORITY_NAMES[value as Priority],
  mark: <PriorityMark priority={value === NONE ? null : (value as Priority)} named />,
}));

interface Props extends PickerProps {
  priority: Priority | null;
  onChange: (priority: Priority | null) => void;
}

export function PriorityPicker({ priority, onChange, ...picker }: Props) {
  return (
    <ChoiceMenu
      {...picker}
      label="Priority"
      value={priority ?? NONE}
      choices={CHOICES}
      onChange={(value) => onChange(value === NONE ? null : (value as Priority))}
    />
  );
}
