import { Check, GripVertical, X } from "lucide-react";
import { type HTMLAttributes, type KeyboardEvent, useLayoutEffect, useRef, useState } from "react";
import type { ChecklistItem } from "../../../core/boards/wire";
import { useGrowing } from "../../chat/writing";
import { LONGEST_ITEM } from "./Checklist";

interface Props {
  item: ChecklistItem;
  index: number;
  editable: boolean;
  /** Pixels from its place, while rows are being put in order. */
  shift: number;
  dragging: boolean;
  sorting: boolean;
  handle: HTMLAttributes<HTMLElement>;
  onMove: (by: -1 | 1) => void;
  onChange: (change: { text?: string; done?: boolean }) => void;
  onRemove: () => void;
}

export function ItemRow(props: Props) {
  const { item, editable, shift, dragging, sorting, handle, onMove, onChange, onRemove } = props;
  const [editing, setEditing] = useState(false);
  const text = useRef<HTMLButtonElement>(null);
  const keep = useRef<HTMLButtonElement>(null);
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key] as -1 | 1 | undefined;
    if (by === undefined || !(event.altKey || event.currentTarget === keep.current)) return;
    event.preventDefault();
    onMove(by);
  };
  const words = `block w-full py-1.5 text-sm leading-5 text-left [overflow-wrap:anywhere] max-md:text-base coarse:py-3 ${item.done ? "text-ink-3 line-through decoration-line-strong" : ""}`;
  return (
    <li
      data-item={item.id}
      className={`group/item relative flex items-start rounded-md ${dragging ? "z-10 bg-raised shadow-float" : "hover:bg-hover focus-within:bg-hover"} ${
        sorting && !dragging ? "transition-transform duration-[120ms]" : ""
      }`}
      style={shift ? { transform: `translateY(${shift}px)` } : undefined}
    >
      {editable && (
        <button
          ref={keep}
          type="button"
          aria-label={`Move ${item.text}`}
          aria-description="Arrow up and down move it"
          onKeyDown={onKeyDown}
          {...handle}
          className="absolute -left-4 flex h-8 w-4 cursor-grab touch-none items-center justify-center rounded text-ink-3 opacity-0 group-hover/item:opacity-100 focus-visible:opacity-100 active:cursor-grabbing coarse:-left-2 coarse:h-11 coarse:opacity-60"
        >
          <GripVertical size={14} aria-hidden="true" />
        </button>
      )}
      <label className="flex h-8 w-8.5 shrink-0 items-center justify-center coarse:h-11 coarse:w-11">
        <span className="relative inline-flex size-4">
          <input
            type="checkbox"
            checked={item.done}
            disabled={!editable}
            onChange={(event) => onChange({ done: event.target.checked })}
            aria-label={item.text}
            className="peer absolute inset-0 appearance-none rounded-[5px] border-[1.5px] border-ink-3 bg-field checked:border-accent checked:bg-accent"
          />
          <Check
            size={12}
            strokeWidth={3}
            aria-hidden="true"
            className="pointer-events-none invisible relative m-auto text-on-accent peer-checked:visible"
          />
        </span>
      </label>
      {editing ? (
        <Renaming
          text={item.text}
          onDone={(renamed) => {
            setEditing(false);
            requestAnimationFrame(() => text.current?.focus());
            if (renamed === "") onRemove();
            else if (renamed !== null && renamed !== item.text) onChange({ text: renamed });
          }}
        />
      ) : editable ? (
        <button
          ref={text}
          type="button"
          aria-label={`Rename ${item.text}`}
          onClick={() => setEditing(true)}
          onKeyDown={onKeyDown}
          className={`${words} cursor-text rounded`}
        >
          {item.text}
        </button>
      ) : (
        <span className={words}>{item.text}</span>
      )}
      {editable && !editing && (
        <button
          type="button"
          aria-label={`Remove ${item.text}`}
          onClick={onRemove}
          className="flex size-8 shrink-0 items-center justify-center rounded-md text-ink-3 opacity-0 group-hover/item:opacity-100 hover:text-ink focus-visible:opacity-100 coarse:size-11 coarse:opacity-100"
        >
          <X size={15} aria-hidden="true" />
        </button>
      )}
    </li>
  );
}

/** Enter or leaving saves, Escape does not; null is nothing to save. */
function Renaming({ text: before, onDone }: { text: string; onDone: (text: string | null) => void }) {
  const [text, setText] = useState(before);
  const box = useRef<HTMLTextAreaElement>(null);
  const over = useRef(false);
  useGrowing(box, text, 6);
  useLayoutEffect(() => box.current?.focus(), []);
  const done = (result: string | null) => {
    if (over.current) return;
    over.current = true;
    onDone(result);
  };
  return (
    <textarea
      ref={box}
      rows={1}
      value={text}
      maxLength={LONGEST_ITEM}
      aria-label="Item"
      onFocus={(event) => event.target.setSelectionRange(before.length, before.length)}
      onChange={(event) => setText(event.target.value.replaceAll("\n", " "))}
      onBlur={() => done(text.trim())}
      onKeyDown={(event) => {
        if (event.nativeEvent.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
        event.preventDefault();
        event.stopPropagation();
        done(event.key === "Enter" ? text.trim() : null);
      }}
      className="block w-full resize-none rounded bg-transparent py-1.5 text-sm leading-5 outline-none coarse:py-3 coarse:text-[16px]"
    />
  );
}
