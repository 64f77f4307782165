interface Props {
  label: string;
  value: string;
  onChange: (value: string) => void;
}

/** Narrows the list of a sidebar; Escape empties it. */
export function FilterField({ label, value, onChange }: Props) {
  return (
    <div className="px-3 pb-2">
      <input
        type="search"
        value={value}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => event.key === "Escape" && onChange("")}
        placeholder="Filter"
        aria-label={label}
        className="h-8 w-full rounded-md bg-hover px-3 text-sm placeholder:text-ink-3 focus:bg-field focus:outline-2 focus:outline-accent coarse:h-10 coarse:text-[16px]"
      />
    </div>
  );
}
