import { type KeyboardEvent, useLayoutEffect, useRef, useState } from "react";
import type { TimelineMessage } from "../../core/store";
import { usePreferences } from "../lib/preferences";
import { Button } from "../parts/Button";
import { messageOf, stopEditing } from "../state";
import { actions } from "../store";
import { askDelete, focusComposer } from "./message-verbs";
import { LONGEST, useGrowing } from "./writing";

/** A message being edited, in its place. */
export function EditBox({ message }: { message: TimelineMessage }) {
  const [text, setText] = useState(message.body);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const enterSends = usePreferences((preferences) => preferences.enterSends);
  const box = useRef<HTMLTextAreaElement>(null);
  useGrowing(box, text, 16);
  useLayoutEffect(() => {
    const element = box.current;
    element?.focus();
    element?.setSelectionRange(element.value.length, element.value.length);
  }, []);

  const leave = () => {
    stopEditing();
    focusComposer(message.room);
  };
  const save = async () => {
    const body = text.trim();
    if (body === message.body) return leave();
    if (body === "") {
      stopEditing();
      return askDelete(message);
    }
    setBusy(true);
    setError(null);
    try {
      await actions.edit(message.id, body);
      leave();
    } catch (failure) {
      setError(messageOf(failure));
      setBusy(false);
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      leave();
    } else if (event.key === "Enter" && !event.shiftKey && (enterSends || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void save();
    }
  };
  return (
    <div className="my-1 rounded-lg bg-field p-2 shadow-[inset_0_0_0_1px_var(--accent)]">
      <textarea
        ref={box}
        rows={1}
        value={text}
        maxLength={LONGEST}
        aria-label="Edit message"
        onChange={(event) => setText(event.target.value)}
        onKeyDown={onKeyDown}
        className="block w-full resize-none bg-transparent px-1 outline-none coarse:text-[16px]"
      />
      <div className="mt-1 flex flex-wrap items-center justify-end gap-2">
        {error && (
          <p role="alert" className="grow text-sm text-danger-ink">
            {error}
          </p>
        )}
        <Button small look="quiet" onClick={leave}>
          Cancel
        </Button>
        <Button small look="primary" busy={busy} onClick={save}>
          Save
        </Button>
      </div>
    </div>
  );
}
