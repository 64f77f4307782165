import { Tooltip } from "@base-ui/react/tooltip";
import { useEffect, useState } from "react";
import type { TipSide } from "./tip";

const DELAY_MS = 450;
/** Going from one to the next within this time needs no new delay. */
const WARM_MS = 300;

interface Shown {
  anchor: HTMLElement;
  label: string;
  keys: string | undefined;
  side: TipSide;
}

/** The one tooltip of the page: for whichever element with `data-tip` is under the pointer or the keyboard's focus. */
export default function TipLayer() {
  const [shown, setShown] = useState<Shown | null>(null);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let at: HTMLElement | null = null;
    let closed = 0;
    const hide = () => {
      clearTimeout(timer);
      if (at) closed = Date.now();
      at = null;
      setOpen(false);
    };
    const aim = (target: EventTarget | null, delay: number) => {
      const found = target instanceof Element ? target.closest<HTMLElement>("[data-tip]") : null;
      if (found === at) return;
      hide();
      if (!found) return;
      at = found;
      timer = setTimeout(
        () => {
          const { tip = "", tipKeys, tipSide } = found.dataset;
          if (!found.isConnected) return;
          setShown({ anchor: found, label: tip, keys: tipKeys, side: (tipSide as TipSide | undefined) ?? "top" });
          setOpen(true);
        },
        Date.now() - closed < WARM_MS ? 0 : delay,
      );
    };
    const hovered = document.querySelector<HTMLElement>("[data-tip]:hover");
    if (hovered) aim(hovered, DELAY_MS);
    const onOver = (event: PointerEvent) => event.pointerType === "mouse" && aim(event.target, DELAY_MS);
    const onFocus = (event: FocusEvent) => {
      if (event.target instanceof Element && event.target.matches(":focus-visible")) aim(event.target, DELAY_MS);
      else hide();
    };
    const onKey = (event: KeyboardEvent) => event.key === "Escape" && hide();
    document.addEventListener("pointerover", onOver);
    document.addEventListener("pointerdown", hide);
    document.addEventListener("focusin", onFocus);
    document.addEventListener("keydown", onKey);
    document.addEventListener("scroll", hide, { capture: true, passive: true });
    return () => {
      hide();
      document.removeEventListener("pointerover", onOver);
      document.removeEventListener("pointerdown", hide);
      document.removeEventListener("focusin", onFocus);
      document.removeEventListener("keydown", onKey);
      document.removeEventListener("scroll", hide, { capture: true });
    };
  }, []);
  if (!shown) return null;
  return (
    <Tooltip.Root open={open}>
      <Tooltip.Portal>
        <Tooltip.Positioner
          anchor={shown.anchor}
          side={shown.side}
          sideOffset={6}
          collisionPadding={4}
          className="pointer-events-none z-50"
        >
          <Tooltip.Popup
            aria-hidden
            className="fade flex items-center gap-2 rounded-md bg-tip px-2 py-1 text-xs text-on-tip"
          >
            {shown.label}
            {shown.keys && <kbd className="font-sans opacity-75">{shown.keys}</kbd>}
          </Tooltip.Popup>
        </Tooltip.Positioner>
      </Tooltip.Portal>
    </Tooltip.Root>
  );
}
