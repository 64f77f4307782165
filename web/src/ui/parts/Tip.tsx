import { Tooltip } from "@base-ui/react/tooltip";
import type { ReactElement } from "react";

interface Props {
  label: string;
  keys?: string;
  side?: "top" | "bottom" | "left" | "right";
  children: ReactElement<Record<string, unknown>>;
}

/** A short name that appears on hover and focus. The child must carry the same name for screen readers. */
export function Tip({ label, keys, side = "top", children }: Props) {
  return (
    <Tooltip.Root>
      <Tooltip.Trigger render={children} />
      <Tooltip.Portal>
        <Tooltip.Positioner side={side} sideOffset={6} className="z-50">
          <Tooltip.Popup className="fade flex items-center gap-2 rounded-md bg-tip px-2 py-1 text-xs text-on-tip">
            {label}
            {keys && <kbd className="font-sans opacity-65">{keys}</kbd>}
          </Tooltip.Popup>
        </Tooltip.Positioner>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}

export const TipProvider = Tooltip.Provider;
