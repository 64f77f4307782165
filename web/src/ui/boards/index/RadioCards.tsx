import type { LucideIcon } from "lucide-react";
import { ICON } from "../../parts/icon";

interface Props<T extends string> {
  label: string;
  name: string;
  value: T;
  options: readonly { value: T; icon: LucideIcon; name: string; text: string }[];
  onChoose: (value: T) => void;
}

/** One of few, each with a sentence that says what it means. */
export function RadioCards<T extends string>({ label, name, value, options, onChoose }: Props<T>) {
  return (
    <fieldset>
      <legend className="mb-1 text-sm font-medium">{label}</legend>
      <div className="grid gap-2 sm:grid-cols-2">
        {options.map(({ value: one, icon: Icon, name: title, text }) => (
          <label
            key={one}
            className="flex cursor-pointer items-start gap-3 rounded-lg px-3 py-2.5 shadow-[inset_0_0_0_1px_var(--line)] has-checked:bg-accent-soft has-checked:shadow-[inset_0_0_0_1px_var(--accent)] has-focus-visible:outline-2 has-focus-visible:outline-accent"
          >
            <input
              type="radio"
              name={name}
              value={one}
              checked={value === one}
              onChange={() => onChoose(one)}
              className="sr-only"
            />
            <Icon {...ICON} className="mt-px shrink-0 text-ink-2" />
            <span>
              <span className="block leading-5 font-medium">{title}</span>
              <span className="block text-sm text-ink-2">{text}</span>
            </span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
