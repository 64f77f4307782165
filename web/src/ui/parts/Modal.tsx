import { Dialog } from "@base-ui/react/dialog";
import { X } from "lucide-react";
import { type ReactNode, type RefObject, useState } from "react";
import { closeOverlay, useUi } from "../state";
import { ICON } from "./icon";

interface Props {
  title: string;
  /** One sentence under the title. */
  text?: ReactNode;
  wide?: boolean;
  initialFocus?: RefObject<HTMLElement | null>;
  /** For a dialog that is not the open overlay. */
  onClose?: () => void;
  children: ReactNode;
}

/** A dialog in the middle, or a sheet from below on a phone. If it is the open overlay, closing it clears that. */
export function Modal({ title, text, wide = false, initialFocus, onClose, children }: Props) {
  const [opened] = useState(() => useUi.getState().overlay);
  const close = () => {
    if (onClose) onClose();
    // Another may have been opened while this one faded.
    else if (useUi.getState().overlay === opened) closeOverlay();
  };
  return (
    <Dialog.Root defaultOpen onOpenChange={(open) => !open && setTimeout(close, 120)}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fade fixed inset-0 z-40 bg-scrim" />
        <Dialog.Viewport className="fixed inset-0 z-40 flex items-end justify-center md:items-center md:p-8">
          <Dialog.Popup
            initialFocus={initialFocus}
            className={`float-surface appear relative flex max-h-[92dvh] w-full flex-col overflow-hidden rounded-t-2xl pb-[env(safe-area-inset-bottom)] outline-none md:rounded-xl ${
              wide ? "md:max-w-xl" : "md:max-w-md"
            }`}
          >
            <header className="flex items-start gap-4 px-6 pt-5 pb-3">
              <div className="min-w-0 grow">
                <Dialog.Title className="text-lg">{title}</Dialog.Title>
                {text && <Dialog.Description className="mt-0.5 text-sm text-ink-2">{text}</Dialog.Description>}
              </div>
              <Dialog.Close
                aria-label="Close"
                className="-mr-2 inline-flex size-8 shrink-0 items-center justify-center rounded-md text-ink-2 hover:bg-hover coarse:size-10"
              >
                <X {...ICON} />
              </Dialog.Close>
            </header>
            <div className="flex min-h-0 flex-col overflow-y-auto px-6 pb-6">{children}</div>
          </Dialog.Popup>
        </Dialog.Viewport>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
