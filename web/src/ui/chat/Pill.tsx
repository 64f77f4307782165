import { ArrowDown, ArrowUp } from "lucide-react";
import type { ReactNode } from "react";

interface Props {
  up?: boolean;
  loud?: boolean;
  onClick: () => void;
  children: ReactNode;
}

/** Floats over the timeline instead of moving it. */
export function Pill({ up = false, loud = false, onClick, children }: Props) {
  const Icon = up ? ArrowUp : ArrowDown;
  return (
    <button
      type="button"
      onClick={onClick}
      className={`absolute left-1/2 z-20 flex h-8 -translate-x-1/2 items-center gap-1.5 rounded-full pr-4 pl-3 text-sm font-medium shadow-float transition-colors coarse:h-10 ${
        up ? "top-3" : "bottom-3"
      } ${loud ? "bg-accent text-on-accent hover:bg-accent-strong" : "border border-line bg-raised text-ink hover:text-accent-ink"}`}
    >
      <Icon size={16} aria-hidden="true" />
      {children}
    </button>
  );
}
