import { Check } from "lucide-react";
import { type FormEvent, useState } from "react";
import type { Repeat, Weekday } from "../../../core/boards/wire";
import { Button } from "../../parts/Button";
import { ICON } from "../../parts/icon";
import { MENU_ITEM, PickerPopover, type PickerProps } from "./Picker";
import {
  longWeekday,
  MOST_EVERY,
  makeRepeat,
  repeatChoices,
  sameRepeat,
  shortWeekday,
  UNITS,
  type Unit,
  WEEKDAYS,
  weekdayOf,
} from "./repeat";

interface Props extends PickerProps {
  repeat: Repeat | null;
  /** When the task is due (see `dueDay`). */
  day: number;
  onChange: (repeat: Repeat | null) => void;
}

/** When a task comes again once it is done. */
export function RepeatPicker({ repeat, day, onChange, ...picker }: Props) {
  return (
    <PickerPopover {...picker} label="Repeat">
      {(close) => (
        <RepeatForm
          repeat={repeat}
          day={day}
          onChange={(next) => {
            close();
            onChange(next);
          }}
        />
      )}
    </PickerPopover>
  );
}

const FIELD =
  "h-8 rounded-md bg-field px-2 text-sm shadow-[inset_0_0_0_1px_var(--line-strong)] focus:outline-2 focus:outline-accent coarse:h-11 coarse:text-[16px]";

function RepeatForm({ repeat, day, onChange }: Pick<Props, "repeat" | "day" | "onChange">) {
  const choices = repeatChoices(day);
  const usual = choices.some((choice) => sameRepeat(choice.repeat, repeat));
  const [every, setEvery] = useState(String(repeat?.every ?? 1));
  const [unit, setUnit] = useState<Unit>(repeat?.unit ?? "week");
  const [days, setDays] = useState<Weekday[]>(repeat?.days ?? [weekdayOf(day)]);
  const [custom, setCustom] = useState(repeat !== null && !usual);
  const wanted = makeRepeat(Number(every), unit, days);
  const save = (event: FormEvent) => {
    event.preventDefault();
    if (wanted) onChange(wanted);
  };
  const row = (name: string, chosen: boolean, run: () => void) => (
    <button
      key={name}
      type="button"
      aria-pressed={chosen}
      onClick={run}
      className={`${MENU_ITEM} w-full justify-between text-left hover:bg-hover focus-visible:outline-offset-[-2px]`}
    >
      {name}
      {chosen && <Check {...ICON} size={16} className="shrink-0 text-accent-ink" />}
    </button>
  );
  return (
    <>
      {row("Does not repeat", repeat === null, () => onChange(null))}
      {choices.map((choice) => row(choice.name, sameRepeat(choice.repeat, repeat), () => onChange(choice.repeat)))}
      {!custom && row("Other", false, () => setCustom(true))}
      {custom && (
        <form onSubmit={save} className="mt-1 grid gap-3 border-t border-line px-2 pt-3 pb-2">
          <div className="flex items-center gap-2 text-sm">
            Every
            <input
              type="number"
              min={1}
              max={MOST_EVERY}
              value={every}
              onChange={(event) => setEvery(event.target.value)}
              aria-label="Every how many"
              className={`${FIELD} w-16 tabular-nums`}
            />
            <select
              value={unit}
              onChange={(event) => setUnit(event.target.value as Unit)}
              aria-label="Unit"
              className={`${FIELD} grow`}
            >
              {UNITS.map((one) => (
                <option key={one} value={one}>
                  {Number(every) === 1 ? one : `${one}s`}
                </option>
              ))}
            </select>
          </div>
          {unit === "week" && (
            <fieldset className="grid grid-cols-7 gap-1">
              <legend className="sr-only">Days of the week</legend>
              {WEEKDAYS.map((one) => (
                <button
                  key={one}
                  type="button"
                  aria-label={longWeekday(one)}
                  aria-pressed={days.includes(one)}
                  onClick={() => setDays(days.includes(one) ? days.filter((other) => other !== one) : [...days, one])}
                  className="h-8 rounded-md bg-hover text-xs font-medium text-ink-2 aria-pressed:bg-accent aria-pressed:text-on-accent coarse:h-10"
                >
                  {shortWeekday(one).slice(0, 2)}
                </button>
              ))}
            </fieldset>
          )}
          <div className="flex justify-end">
            <Button small look="primary" type="submit" disabled={!wanted}>
              Set
            </Button>
          </div>
        </form>
      )}
    </>
  );
}
