import { ArrowUp, AtSign, Smile } from "lucide-react";
import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import type { Id, RoomView } from "../../core/wire";
import { useTouch } from "../lib/hooks";
import { roomTitle } from "../lib/names";
import { usePreferences } from "../lib/preferences";
import { isInside } from "../lib/rooms";
import { IconButton } from "../parts/IconButton";
import { ICON } from "../parts/icon";
import { note, openOverlay, pickEmoji, replyIn, startEditing, useUi } from "../state";
import { actions, useStore } from "../store";
import { Completions } from "./Completions";
import { ReplyChip } from "./ReplyChip";
import { TypingNotice } from "./TypingNotice";
import { useCompletion } from "./use-completion";
import { LONGEST, typeInto, useGrowing } from "./writing";

interface Props {
  room: RoomView;
  /** Names the draft: the room's id, or `thread:` and the root's. */
  where: string;
  /** In a thread: the message that everything written here answers. */
  root?: Id;
}

const TASK = /^\/task(?:\s+([\s\S]*))?$/;
const NEARLY_FULL = LONGEST - 500;

export function Composer({ room, where, root }: Props) {
  const draft = useStore((state) => state.drafts[where] ?? "");
  const [text, setText] = useState(draft);
  const touched = useRef(text !== "");
  const box = useRef<HTMLTextAreaElement>(null);
  const replying = useUi((ui) => ui.replying[where]);
  const enterSends = usePreferences((preferences) => preferences.enterSends);
  const touch = useTouch();
  const title = useStore((state) => roomTitle(room, state.people, state.me?.id));
  const inside = useStore(isInside);
  const completion = useCompletion(room, text, box, inside);
  useGrowing(box, text, 8);

  // Drafts may arrive from storage after the first paint.
  useEffect(() => {
    if (!touched.current && draft !== "") setText(draft);
  }, [draft]);

  useEffect(() => {
    if (!touch) box.current?.focus({ preventScroll: true });
  }, [touch]);

  const change = (next: string) => {
    touched.current = true;
    setText(next);
    actions.setDraft(where, next);
    if (next.trim() !== "") actions.type(room.id);
  };

  const send = () => {
    const body = text.trim();
    if (body === "") return;
    if (body.length > LONGEST) {
      note(
        `A message has at most ${LONGEST.toLocaleString()} characters. This one has ${body.length.toLocaleString()}.`,
        true,
      );
      return;
    }
    const task = TASK.exec(body);
    if (task && inside) {
      openOverlay({ name: "new-task", title: task[1] ?? "", room: room.id, made: () => change("") });
      return;
    }
    const { timelines } = useStore.getState();
    if (timelines[room.id]?.hasAfter) actions.jumpToEnd(room.id).catch(() => undefined);
    actions.post(room.id, body, root ?? replying);
    change("");
    replyIn(where, undefined);
    box.current?.focus();
  };

  const editLast = () => {
    const { me, timelines, threads } = useStore.getState();
    const messages = (root ? threads[root] : timelines[room.id]?.messages) ?? [];
    const last = messages.findLast((one) => one.author === me?.id && !one.deleted && one.delivery === "sent");
    if (last) startEditing(last.id);
  };

  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.nativeEvent.isComposing) return;
    if (completion.onKeyDown(event)) return;
    if (
      event.key === "Enter" &&
      !event.shiftKey &&
      !event.altKey &&
      (event.ctrlKey || event.metaKey || (enterSends && !touch))
    ) {
      event.preventDefault();
      send();
    } else if (event.key === "ArrowUp" && text === "" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      editLast();
    } else if (event.key === "Escape" && !event.shiftKey && replying) {
      event.preventDefault();
      replyIn(where, undefined);
    }
  };

  const insert = (added: string) => {
    const element = box.current;
    if (element) typeInto(element, element.selectionStart, element.selectionEnd, added);
  };

  return (
    <div
      className="relative shrink-0 px-4 pb-[env(safe-area-inset-bottom)] md:px-6"
      data-testid="composer"
      data-composer={where}
    >
      <Completions completion={completion} />
      <div className="rounded-xl bg-field shadow-[inset_0_0_0_1px_var(--line-strong)] focus-within:shadow-[inset_0_0_0_1px_var(--accent),0_0_0_2px_var(--accent-soft)]">
        {replying && !root && <ReplyChip room={room.id} message={replying} onDrop={() => replyIn(where, undefined)} />}
        <div className="flex items-end gap-0.5 p-1.5">
          <textarea
            ref={box}
            rows={1}
            value={text}
            placeholder={root ? "Reply" : `Message ${title}`}
            aria-label={root ? "Reply in the thread" : `Message ${title}`}
            {...completion.ariaProps}
            onChange={(event) => change(event.target.value)}
            onSelect={completion.onSelect}
            onBlur={completion.close}
            onKeyDown={onKeyDown}
            className="block min-w-0 grow resize-none self-center bg-transparent px-2 py-1 outline-none placeholder:text-ink-3 coarse:text-[16px]"
          />
          {text.length > NEARLY_FULL && (
            <span
              className={`self-center px-1 text-xs tabular-nums ${text.length > LONGEST ? "text-danger-ink" : "text-ink-3"}`}
            >
              {LONGEST - text.length}
            </span>
          )}
          <IconButton icon={AtSign} label="Mention somebody" className="max-sm:hidden" onClick={() => insert("@")} />
          <IconButton icon={Smile} label="Emoji" onClick={(event) => pickEmoji(event.currentTarget, insert)} />
          <button
            type="button"
            aria-label="Send"
            disabled={text.trim() === ""}
            onClick={send}
            onMouseDown={(event) => event.preventDefault()}
            className="ml-1 inline-flex size-8 shrink-0 items-center justify-center rounded-lg bg-accent text-on-accent transition-colors hover:bg-accent-strong disabled:bg-pressed disabled:text-ink-3 coarse:size-10"
          >
            <ArrowUp {...ICON} />
          </button>
        </div>
      </div>
      <div className="flex h-6 items-center justify-between gap-4 px-2 text-xs text-ink-3">
        {root ? <span /> : <TypingNotice room={room.id} />}
        {!touch && text !== "" && (
          <span className="shrink-0 max-lg:hidden">
            {enterSends ? "Enter sends, Shift Enter breaks the line" : "Ctrl or ⌘ Enter sends"}
          </span>
        )}
      </div>
    </div>
  );
}
