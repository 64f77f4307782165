import { Copy } from "lucide-react";
import { useCallback, useEffect, useState } from "react";
import { fromNow } from "../../lib/time";
import { Button } from "../../parts/Button";
import { FormError } from "../../parts/Field";
import { ICON } from "../../parts/icon";
import { Modal } from "../../parts/Modal";
import { copyText, messageOf } from "../../state";
import { boardActions } from "../store";

interface Link {
  url: string | null;
  created_at: string | null;
}

/** The address by which a calendar shows one's tasks: to make, copy, replace and end. */
export default function CalendarLink({ onClose }: { onClose: () => void }) {
  const [link, setLink] = useState<Link | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const run = useCallback(async (verb: () => Promise<Link>) => {
    setBusy(true);
    setError(null);
    try {
      setLink(await verb());
    } catch (failure) {
      setError(messageOf(failure));
    }
    setBusy(false);
  }, []);
  useEffect(() => void run(boardActions.calendarLink), [run]);
  const make = () => run(boardActions.makeCalendarLink);
  const end = () =>
    run(async () => {
      await boardActions.revokeCalendarLink();
      return { url: null, created_at: null };
    });
  return (
    <Modal
      wide
      title="Calendar link"
      text="Give this address to your calendar, and it shows your tasks on their due dates and keeps up with them."
      onClose={onClose}
    >
      <div className="grid gap-4">
        {!link && !error && <div aria-busy="true" className="skeleton h-9" />}
        {link?.created_at && <Present link={link} />}
        <FormError>{error}</FormError>
        <div className="flex flex-wrap justify-end gap-2">
          {link?.created_at ? (
            <>
              <Button busy={busy} onClick={end}>
                End the link
              </Button>
              <Button busy={busy} onClick={make}>
                Make a new one
              </Button>
            </>
          ) : (
            <Button look="primary" busy={busy} disabled={!link && !error} onClick={make}>
              Make the link
            </Button>
          )}
        </div>
      </div>
    </Modal>
  );
}

function Present({ link: { url, created_at } }: { link: Link }) {
  return (
    <div className="grid gap-2">
      {url && (
        <div className="flex gap-2">
          <input
            readOnly
            value={url}
            aria-label="Calendar link"
            onFocus={(event) => event.target.select()}
            className="h-9 min-w-0 grow rounded-md bg-sunken px-3 font-mono text-sm shadow-[inset_0_0_0_1px_var(--line)] focus:outline-2 focus:outline-accent coarse:h-11"
          />
          <Button look="primary" onClick={() => copyText(url, "Link copied.")}>
            <Copy {...ICON} />
            Copy
          </Button>
        </div>
      )}
      <p className="text-sm text-ink-2">
        {url
          ? "Whoever has it can read your tasks, so give it to nobody else. A new link ends this one."
          : "The link can no longer be shown. Make a new one, which ends it."}
        {created_at && <span className="text-ink-3"> Made {fromNow(created_at)}.</span>}
      </p>
    </div>
  );
}
