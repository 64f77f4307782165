import { Check } from "lucide-react";
import { type KeyboardEvent, type ReactNode, type Ref, useId, useState } from "react";
import type { Id } from "../../../core/wire";
import { ICON } from "../../parts/icon";

export interface SearchOption {
  id: Id;
  name: string;
  detail?: string;
  mark: ReactNode;
}

interface Props {
  label: string;
  placeholder: string;
  query: string;
  onQuery: (query: string) => void;
  options: SearchOption[];
  chosen: readonly Id[];
  onToggle: (id: Id) => void;
  /** Said when nothing fits. */
  nothing: string;
  field?: Ref<HTMLInputElement>;
}

/** A search field over a list to tick. The focus stays in the field; arrows and Enter work on the list. */
export function SearchList(props: Props) {
  const { label, placeholder, query, onQuery, options, chosen, onToggle, nothing, field } = props;
  const [at, setAt] = useState(0);
  const id = useId();
  const current = Math.min(at, options.length - 1);
  const show = (index: number) => {
    setAt(index);
    document.getElementById(`${id}-${index}`)?.scrollIntoView({ block: "nearest" });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    const option = options[current];
    if (event.key === "ArrowDown") show(Math.min(current + 1, options.length - 1));
    else if (event.key === "ArrowUp") show(Math.max(current - 1, 0));
    else if (event.key === "Enter" && option) onToggle(option.id);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <input
        ref={field}
        type="text"
        autoComplete="off"
        spellCheck={false}
        value={query}
        onChange={(event) => {
          onQuery(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
        aria-label={label}
        placeholder={placeholder}
        role="combobox"
        aria-expanded
        aria-controls={`${id}-list`}
        aria-activedescendant={options.length ? `${id}-${current}` : undefined}
        className="mb-1 h-8 w-full shrink-0 rounded-md bg-hover px-2 text-sm placeholder:text-ink-3 focus:outline-2 focus:-outline-offset-1 focus:outline-accent coarse:h-11 coarse:text-[16px]"
      />
      <div
        id={`${id}-list`}
        role="listbox"
        aria-label={label}
        aria-multiselectable
        tabIndex={-1}
        className="max-h-64 min-h-0 overflow-y-auto"
      >
        {options.map((option, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field above handles the keys
          // biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus and names the active option
          <div
            key={option.id}
            id={`${id}-${index}`}
            role="option"
            aria-selected={chosen.includes(option.id)}
            onMouseMove={() => setAt(index)}
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => onToggle(option.id)}
            className={`flex min-h-8 cursor-pointer items-center gap-2.5 rounded-md px-2 text-sm max-md:text-base coarse:min-h-11 ${index === current ? "bg-hover" : ""}`}
          >
            {option.mark}
            <span className="min-w-0 shrink-0 truncate max-w-full">{option.name}</span>
            <span className="min-w-0 grow truncate text-ink-3">{option.detail}</span>
            {chosen.includes(option.id) && <Check {...ICON} size={16} className="shrink-0 text-accent-ink" />}
          </div>
        ))}
      </div>
      {options.length === 0 && <p className="px-2 py-1.5 text-sm text-ink-3">{nothing}</p>}
    </>
  );
}
