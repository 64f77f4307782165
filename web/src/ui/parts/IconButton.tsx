import type { LucideIcon } from "lucide-react";
import type { ButtonHTMLAttributes, Ref } from "react";
import { ICON } from "./icon";
import { type TipSide, tip } from "./tip";

interface Props extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, "children"> {
  icon: LucideIcon;
  /** Its name for everyone: tooltip and screen reader. */
  label: string;
  /** Shown beside the name in the tooltip. */
  keys?: string;
  small?: boolean;
  side?: TipSide;
  ref?: Ref<HTMLButtonElement>;
}

export function IconButton({ icon: Icon, label, keys, small = false, side, className = "", ...rest }: Props) {
  return (
    <button
      type="button"
      aria-label={label}
      {...tip(label, keys, side)}
      {...rest}
      className={`inline-flex shrink-0 items-center justify-center rounded-md text-ink-2 transition-colors hover:bg-hover hover:text-ink disabled:opacity-40 disabled:hover:bg-transparent aria-pressed:bg-accent-soft aria-pressed:text-accent-ink ${
        small ? "size-7 coarse:size-9" : "size-8 coarse:size-10"
      } ${className}`}
    >
      <Icon {...ICON} />
    </button>
  );
}
