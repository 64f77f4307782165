import { useEffect, useState } from "react";

interface Props {
  name: string;
  label: string;
  maxLength: number;
  disabled?: boolean;
  onChange: (name: string) => void;
}

/** A name that looks like text until it is changed. Leaving it and Enter save, Escape does not. */
export function NameInput({ name, label, maxLength, disabled = false, onChange }: Props) {
  const [text, setText] = useState(name);
  // Somebody else may change it meanwhile.
  useEffect(() => setText(name), [name]);
  const save = () => {
    const wanted = text.trim();
    if (wanted === "" || wanted === name) setText(name);
    else onChange(wanted);
  };
  return (
    <input
      value={text}
      maxLength={maxLength}
      disabled={disabled}
      aria-label={label}
      autoComplete="off"
      onChange={(event) => setText(event.target.value)}
      onBlur={save}
      onKeyDown={(event) => {
        if (event.key === "Enter") event.currentTarget.blur();
        if (event.key !== "Escape") return;
        event.stopPropagation();
        setText(name);
      }}
      className="-ml-2 h-8 w-full min-w-0 truncate rounded-md bg-transparent px-2 font-medium hover:bg-hover focus:bg-field focus:outline-2 focus:outline-accent disabled:hover:bg-transparent coarse:h-11 coarse:text-[16px]"
    />
  );
}
