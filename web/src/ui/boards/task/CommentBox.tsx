import { ArrowUp, AtSign } from "lucide-react";
import { type KeyboardEvent, useMemo, useRef, useState } from "react";
import type { Id } from "../../../core/wire";
import { Completions } from "../../chat/Completions";
import { useCompletion } from "../../chat/use-completion";
import { typeInto, useGrowing } from "../../chat/writing";
import { useTouch } from "../../lib/hooks";
import { usePreferences } from "../../lib/preferences";
import { IconButton } from "../../parts/IconButton";
import { ICON } from "../../parts/icon";
import { attempt } from "../../state";
import { actions, useStore } from "../../store";
import { useAssignable } from "../parts/people";
import { boardActions } from "../store";

export const LONGEST_COMMENT = 5000;
const NEARLY_FULL = LONGEST_COMMENT - 300;

interface Props {
  board: Id;
  task: Id;
  onSent: () => void;
}

/** Where one says something about the task, with the keys and completions of the chat. */
export function CommentBox({ board, task, onSent }: Props) {
  const where = `comment:${task}`;
  const [text, setText] = useState(() => useStore.getState().drafts[where] ?? "");
  const box = useRef<HTMLTextAreaElement>(null);
  const enterSends = usePreferences((preferences) => preferences.enterSends);
  const touch = useTouch();
  const people = useAssignable(board);
  const room = useMemo(() => ({ members: people.map((user) => user.id) }), [people]);
  const completion = useCompletion(room, text, box);
  useGrowing(box, text, 8);

  const change = (next: string) => {
    setText(next);
    actions.setDraft(where, next);
  };
  const send = async () => {
    const body = text.trim();
    if (body === "") return;
    change("");
    box.current?.focus();
    onSent();
    const sent = await attempt(() => boardActions.addComment(board, task, body));
    // Refused, the words come back, unless others are being written by now.
    if (!sent && box.current?.value === "") change(body);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.nativeEvent.isComposing || completion.onKeyDown(event)) return;
    if (event.key === "Escape" && text !== "") {
      event.stopPropagation();
      box.current?.blur();
      return;
    }
    if (event.key !== "Enter" || event.shiftKey || event.altKey) return;
    if (!(event.ctrlKey || event.metaKey || (enterSends && !touch))) return;
    event.preventDefault();
    void send();
  };
  const mention = () => {
    const element = box.current;
    if (element) typeInto(element, element.selectionStart, element.selectionEnd, "@");
  };
  return (
    <div className="relative shrink-0 border-t border-line px-4 pt-3 pb-[max(12px,env(safe-area-inset-bottom))] md:px-6">
      <Completions completion={completion} />
      <div className="flex items-end gap-0.5 rounded-xl bg-field p-1.5 shadow-[inset_0_0_0_1px_var(--line-strong)] focus-within:shadow-[inset_0_0_0_1px_var(--accent),0_0_0_2px_var(--accent-soft)]">
        <textarea
          ref={box}
          rows={1}
          value={text}
          maxLength={LONGEST_COMMENT}
          placeholder="Write a comment"
          aria-label="Write a comment"
          {...completion.ariaProps}
          onChange={(event) => change(event.target.value)}
          onSelect={completion.onSelect}
          onBlur={completion.close}
          onKeyDown={onKeyDown}
          className="block min-w-0 grow resize-none self-center bg-transparent px-2 py-1 outline-none placeholder:text-ink-3 coarse:text-[16px]"
        />
        {text.length > NEARLY_FULL && (
          <span className="self-center px-1 text-xs text-ink-3 tabular-nums">{LONGEST_COMMENT - text.length}</span>
        )}
        <IconButton icon={AtSign} label="Mention somebody" onClick={mention} />
        <button
          type="button"
          aria-label="Send the comment"
          disabled={text.trim() === ""}
          onClick={send}
          onMouseDown={(event) => event.preventDefault()}
          className="ml-1 inline-flex size-8 shrink-0 items-center justify-center rounded-lg bg-accent text-on-accent transition-colors hover:bg-accent-strong disabled:bg-pressed disabled:text-ink-3 coarse:size-10"
        >
          <ArrowUp {...ICON} />
        </button>
      </div>
    </div>
  );
}
