import { type FormEvent, type KeyboardEvent, useState } from "react";
import { Button } from "../../parts/Button";
import type { DueFields } from "./due";
import { type DueInputs, dateOf, quickDays, toDue, toInputs } from "./due-input";
import { MENU_ITEM, PickerPopover, type PickerProps } from "./Picker";

export interface DueChange {
  due_at: string | null;
  due_has_time: boolean;
}

interface Props extends PickerProps {
  due: DueFields;
  onChange: (change: DueChange) => void;
}

/** A day, with or without a time. */
export function DuePicker({ due, onChange, ...picker }: Props) {
  return (
    <PickerPopover {...picker} label="Due date">
      {(close) => (
        <DueForm
          due={due}
          onChange={(change) => {
            close();
            onChange(change);
          }}
        />
      )}
    </PickerPopover>
  );
}

const FIELD =
  "h-8 min-w-0 rounded-md bg-field px-2 text-sm tabular-nums shadow-[inset_0_0_0_1px_var(--line-strong)] focus:outline-2 focus:outline-accent coarse:h-11 coarse:text-[16px]";

/** Arrows walk over the quick choices, as in a menu. */
function walk(event: KeyboardEvent<HTMLElement>): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step === undefined) return;
  const buttons = [...event.currentTarget.querySelectorAll("button")];
  buttons[buttons.indexOf(event.target as HTMLButtonElement) + step]?.focus();
  event.preventDefault();
}

function DueForm({ due, onChange }: Pick<Props, "due" | "onChange">) {
  const [inputs, setInputs] = useState<DueInputs>(() => toInputs(due));
  const wanted = toDue(inputs);
  const save = (event: FormEvent) => {
    event.preventDefault();
    if (wanted) onChange(wanted);
  };
  return (
    <form onSubmit={save}>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the buttons in it are what one interacts with */}
      <div onKeyDown={walk}>
        {quickDays().map(({ name, day, words }) => (
          <button
            key={name}
            type="button"
            onClick={() => {
              const chosen = toDue({ date: dateOf(day), time: inputs.time });
              if (chosen) onChange(chosen);
            }}
            className={`${MENU_ITEM} w-full justify-between text-left hover:bg-hover focus-visible:outline-offset-[-2px]`}
          >
            {name}
            <span className="text-ink-3">{words}</span>
          </button>
        ))}
      </div>
      <div className="mt-1 grid grid-cols-[1fr_6.5rem] gap-x-2 gap-y-2 border-t border-line px-2 pt-3 pb-2">
        <label className="grid gap-1 text-xs font-medium text-ink-2">
          Date
          <input
            type="date"
            value={inputs.date}
            onChange={(event) => setInputs({ ...inputs, date: event.target.value })}
            className={FIELD}
          />
        </label>
        <label className="grid gap-1 text-xs font-medium text-ink-2">
          Time
          <input
            type="time"
            value={inputs.time}
            onChange={(event) => setInputs({ ...inputs, time: event.target.value })}
            className={FIELD}
          />
        </label>
        <div className="col-span-2 flex justify-end gap-2">
          {due.due_at !== null && (
            <Button small look="quiet" onClick={() => onChange({ due_at: null, due_has_time: false })}>
              Clear
            </Button>
          )}
          <Button small look="primary" type="submit" disabled={!wanted}>
            Set
          </Button>
        </div>
      </div>
    </form>
  );
}
