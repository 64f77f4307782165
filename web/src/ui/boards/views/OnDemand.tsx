import { type ButtonHTMLAttributes, type ReactNode, useRef, useState } from "react";
import type { PickerProps } from "../parts/Picker";

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind: "menu" | "dialog";
  picker: (props: PickerProps) => ReactNode;
}

/** A button whose picker is made when it is first asked for: a long list has hundreds of them. */
export function OnDemand({ kind, picker, children, ...rest }: Props) {
  const button = useRef<HTMLButtonElement>(null);
  const wasOpen = useRef(false);
  const [asked, setAsked] = useState(false);
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        ref={button}
        type="button"
        aria-haspopup={kind}
        aria-expanded={open}
        data-popup-open={open || undefined}
        {...rest}
        // The press itself closes what is open, before there is a click.
        onPointerDown={() => {
          wasOpen.current = open;
        }}
        onClick={() => {
          setAsked(true);
          setOpen(!wasOpen.current);
          wasOpen.current = false;
        }}
      >
        {children}
      </button>
      {asked && picker({ anchor: button.current, open, onOpenChange: setOpen })}
    </>
  );
}
