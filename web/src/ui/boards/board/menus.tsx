/** The parts that the board's menus are made of. */
import { Menu } from "@base-ui/react/menu";
import { Check, ChevronRight, type LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import type { Anchor } from "./state";

const ROW =
  "flex min-h-8 cursor-pointer items-center gap-2.5 rounded-md px-2 text-sm outline-none select-none data-highlighted:bg-hover data-popup-open:bg-hover data-disabled:cursor-default data-disabled:opacity-45 coarse:min-h-11";
export const SEPARATOR = "mx-1 my-1 h-px bg-line";

interface SurfaceProps {
  label: string;
  /** Of a menu in a menu. */
  sub?: boolean;
  anchor?: Anchor;
  finalFocus?: () => HTMLElement | boolean;
  children: ReactNode;
}

export function MenuSurface({ label, sub = false, anchor, finalFocus, children }: SurfaceProps) {
  return (
    <Menu.Portal>
      <Menu.Positioner
        anchor={anchor}
        side={sub ? "right" : "bottom"}
        align="start"
        sideOffset={sub ? 2 : 4}
        alignOffset={sub ? -5 : 0}
        collisionPadding={8}
        className="z-40"
      >
        <Menu.Popup
          aria-label={label}
          finalFocus={finalFocus}
          className="float-surface appear max-h-(--available-height) min-w-52 overflow-y-auto rounded-lg p-1 outline-none"
        >
          {children}
        </Menu.Popup>
      </Menu.Positioner>
    </Menu.Portal>
  );
}

interface RowProps {
  icon: LucideIcon;
  keys?: string;
  disabled?: boolean;
  onClick: () => void;
  children: ReactNode;
}

export function MenuRow({ icon: Icon, keys, disabled, onClick, children }: RowProps) {
  return (
    <Menu.Item className={ROW} disabled={disabled} onClick={onClick}>
      <Icon size={16} strokeWidth={1.75} aria-hidden="true" className="shrink-0 text-ink-2" />
      <span className="min-w-0 grow truncate">{children}</span>
      {keys && <kbd className="pl-4 font-sans text-xs text-ink-3 coarse:hidden">{keys}</kbd>}
    </Menu.Item>
  );
}

/** One of several, in a `Menu.RadioGroup`. */
export function MenuChecked({ value, children }: { value: string; children: ReactNode }) {
  return (
    <Menu.RadioItem value={value} closeOnClick className={ROW}>
      {children}
      <Menu.RadioItemIndicator className="shrink-0 text-accent-ink">
        <Check size={16} strokeWidth={1.75} aria-hidden="true" />
      </Menu.RadioItemIndicator>
    </Menu.RadioItem>
  );
}

/** A menu in a menu. */
export function Sub({ icon: Icon, label, children }: { icon: LucideIcon; label: string; children: ReactNode }) {
  return (
    <Menu.SubmenuRoot>
      <Menu.SubmenuTrigger className={ROW}>
        <Icon size={16} strokeWidth={1.75} aria-hidden="true" className="shrink-0 text-ink-2" />
        <span className="grow">{label}</span>
        <ChevronRight size={14} aria-hidden="true" className="text-ink-3" />
      </Menu.SubmenuTrigger>
      <MenuSurface label={label} sub>
        {children}
      </MenuSurface>
    </Menu.SubmenuRoot>
  );
}
