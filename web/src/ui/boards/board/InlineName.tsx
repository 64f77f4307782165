import { type KeyboardEvent, useLayoutEffect, useRef, useState } from "react";

interface Props {
  name: string;
  label: string;
  maxLength: number;
  className?: string;
  /** `name` is null when nothing is to be changed; `entered` when it was Enter that ended it. */
  onEnd: (name: string | null, entered: boolean) => void;
}

/** A name being changed where it stands. Enter and leaving it save, Escape does not. */
export function NameField({ name, label, maxLength, className = "", onEnd }: Props) {
  const [text, setText] = useState(name);
  const field = useRef<HTMLInputElement>(null);
  const done = useRef(false);
  useLayoutEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, []);
  const end = (save: boolean, entered: boolean) => {
    if (done.current) return;
    done.current = true;
    const wanted = text.trim();
    onEnd(save && wanted !== "" && wanted !== name ? wanted : null, entered);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    if (event.key === "Enter" || event.key === "Escape") {
      event.preventDefault();
      end(event.key === "Enter", event.key === "Enter");
    }
  };
  return (
    <input
      ref={field}
      value={text}
      maxLength={maxLength}
      aria-label={label}
      autoComplete="off"
      onChange={(event) => setText(event.target.value)}
      onKeyDown={onKeyDown}
      onBlur={() => end(true, false)}
      className={`min-w-0 rounded bg-field outline-2 outline-accent coarse:text-[16px] ${className}`}
    />
  );
}
