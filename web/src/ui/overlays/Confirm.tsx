import { AlertDialog } from "@base-ui/react/alert-dialog";
import { useState } from "react";
import { Button } from "../parts/Button";
import { FormError } from "../parts/Field";
import { closeOverlay, messageOf } from "../state";

interface Props {
  title: string;
  text: string;
  verb: string;
  danger?: boolean;
  run: () => Promise<void>;
}

/** Asks once before something that cannot be taken back. */
export default function Confirm({ title, text, verb, danger = false, run }: Props) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const go = async () => {
    setBusy(true);
    setError(null);
    try {
      await run();
      closeOverlay();
    } catch (failure) {
      setError(messageOf(failure));
      setBusy(false);
    }
  };
  return (
    <AlertDialog.Root defaultOpen onOpenChange={(open) => !open && setTimeout(closeOverlay, 120)}>
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className="fade fixed inset-0 z-40 bg-scrim" />
        <AlertDialog.Viewport className="fixed inset-0 z-40 flex items-center justify-center p-4">
          <AlertDialog.Popup className="float-surface appear w-full max-w-sm rounded-xl p-6 outline-none">
            <AlertDialog.Title className="text-lg">{title}</AlertDialog.Title>
            <AlertDialog.Description className="mt-1 text-ink-2">{text}</AlertDialog.Description>
            <div className="mt-3">
              <FormError>{error}</FormError>
            </div>
            <div className="mt-4 flex justify-end gap-2">
              <AlertDialog.Close render={<Button />}>Cancel</AlertDialog.Close>
              <Button look={danger ? "danger" : "primary"} busy={busy} onClick={go}>
                {verb}
              </Button>
            </div>
          </AlertDialog.Popup>
        </AlertDialog.Viewport>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
