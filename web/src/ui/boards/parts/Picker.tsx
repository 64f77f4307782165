import { Menu } from "@base-ui/react/menu";
import { Popover } from "@base-ui/react/popover";
import { Check } from "lucide-react";
import { type ReactElement, type ReactNode, type RefObject, useState } from "react";
import { ICON } from "../../parts/icon";

/** How a picker is opened: by its own trigger, or from outside beside an anchor. */
export interface PickerProps {
  /** A button; it is told whether the picker is open. */
  trigger?: ReactElement<Record<string, unknown>>;
  anchor?: Element | null;
  open?: boolean;
  onOpenChange?: (open: boolean) => void;
}

function useOpen({ open, onOpenChange }: PickerProps): [boolean, (open: boolean) => void] {
  const [shown, setShown] = useState(false);
  return [
    open ?? shown,
    (next) => {
      setShown(next);
      onOpenChange?.(next);
    },
  ];
}

/** Where what is opened stands to what opened it. */
const BELOW = { side: "bottom", align: "start", sideOffset: 4, collisionPadding: 8, className: "z-50" } as const;

interface PopoverProps extends PickerProps {
  label: string;
  initialFocus?: RefObject<HTMLElement | null>;
  children: (close: () => void) => ReactNode;
}

/** A small surface beside what it changes. What is in it is made anew with each opening. */
export function PickerPopover({ label, trigger, anchor, initialFocus, children, ...state }: PopoverProps) {
  const [open, setOpen] = useOpen(state);
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      {trigger && <Popover.Trigger render={trigger} />}
      <Popover.Portal>
        <Popover.Positioner anchor={trigger ? undefined : anchor} {...BELOW}>
          <Popover.Popup
            aria-label={label}
            initialFocus={initialFocus}
            className="float-surface appear flex max-h-(--available-height) w-72 max-w-[calc(100vw-16px)] flex-col overflow-y-auto rounded-lg p-1 outline-none coarse:w-80"
          >
            {children(() => setOpen(false))}
          </Popover.Popup>
        </Popover.Positioner>
      </Popover.Portal>
    </Popover.Root>
  );
}

export const MENU_ITEM =
  "flex min-h-8 cursor-pointer items-center gap-2.5 rounded-md px-2 text-sm outline-none select-none max-md:text-base data-highlighted:bg-hover coarse:min-h-11";

interface ChoiceProps<Value extends string> extends PickerProps {
  label: string;
  value: Value;
  choices: readonly { value: Value; name: string; mark?: ReactNode }[];
  onChange: (value: Value) => void;
}

/** One of a few, by pointer, arrows or first letters. */
export function ChoiceMenu<Value extends string>({
  label,
  value,
  choices,
  onChange,
  trigger,
  anchor,
  ...state
}: ChoiceProps<Value>) {
  const [open, setOpen] = useOpen(state);
  return (
    <Menu.Root open={open} onOpenChange={setOpen}>
      {trigger && <Menu.Trigger render={trigger} />}
      <Menu.Portal>
        <Menu.Positioner anchor={trigger ? undefined : anchor} {...BELOW}>
          <Menu.Popup
            aria-label={label}
            className="float-surface appear max-h-(--available-height) w-56 overflow-y-auto rounded-lg p-1 outline-none"
          >
            <Menu.RadioGroup value={value} onValueChange={onChange} aria-label={label}>
              {choices.map((choice) => (
                <Menu.RadioItem key={choice.value} value={choice.value} closeOnClick className={MENU_ITEM}>
                  {choice.mark}
                  <span className="min-w-0 grow truncate">{choice.name}</span>
                  <Menu.RadioItemIndicator className="shrink-0 text-accent-ink">
                    <Check {...ICON} size={16} />
                  </Menu.RadioItemIndicator>
                </Menu.RadioItem>
              ))}
            </Menu.RadioGroup>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
