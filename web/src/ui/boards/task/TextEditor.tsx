import { type KeyboardEvent, type ReactNode, useLayoutEffect, useRef } from "react";
import { useGrowing } from "../../chat/writing";
import { usePreferences } from "../../lib/preferences";
import { Button } from "../../parts/Button";

interface Props {
  label: string;
  text: string;
  longest: number;
  onText: (text: string) => void;
  onSave: () => void;
  onCancel: () => void;
  /** Enter saves, if the person has it so; otherwise only with Ctrl or Cmd. */
  brief?: boolean;
  saveLabel?: string;
  savable?: boolean;
  rows?: number;
  children?: ReactNode;
}

/** A text being edited in its place, with the keys of the chat. */
export function TextEditor(props: Props) {
  const { label, text, longest, onText, onSave, onCancel, brief = false, savable = true, rows = 1, children } = props;
  const enterSends = usePreferences((preferences) => preferences.enterSends);
  const box = useRef<HTMLTextAreaElement>(null);
  useGrowing(box, text, 24);
  useLayoutEffect(() => {
    const element = box.current;
    element?.focus();
    element?.setSelectionRange(element.value.length, element.value.length);
    element?.parentElement?.scrollIntoView({ block: "nearest" });
  }, []);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Escape" && !event.shiftKey) onCancel();
    else if (
      event.key === "Enter" &&
      !event.shiftKey &&
      (event.ctrlKey || event.metaKey || (brief && enterSends)) &&
      savable
    )
      onSave();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const left = longest - text.length;
  return (
    <div className="rounded-lg bg-field p-2 shadow-[inset_0_0_0_1px_var(--accent)]">
      <textarea
        ref={box}
        rows={rows}
        value={text}
        maxLength={longest}
        aria-label={label}
        onChange={(event) => onText(event.target.value)}
        onKeyDown={onKeyDown}
        style={{ minHeight: `${rows * 1.5}em` }}
        className="block w-full resize-none bg-transparent px-1 outline-none coarse:text-[16px]"
      />
      {children}
      <div className="mt-2 flex flex-wrap items-center justify-end gap-2">
        <span className="grow px-1 text-xs text-ink-3">
          {left < longest / 20 ? `${left.toLocaleString()} characters left` : "Markdown"}
        </span>
        <Button small look="quiet" onClick={onCancel}>
          Cancel
        </Button>
        <Button small look="primary" onClick={onSave} disabled={!savable}>
          {props.saveLabel ?? "Save"}
        </Button>
      </div>
    </div>
  );
}
