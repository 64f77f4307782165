import { type KeyboardEvent, useRef, useState } from "react";
import type { Card } from "../../../core/boards/wire";
import { useGrowing } from "../../chat/writing";
import { usePhone } from "../../lib/hooks";
import { attempt } from "../../state";
import { boardActions } from "../store";
import { useFlash } from "./use-flash";

const SHORTEST = 3;
const LONGEST = 100;
const NEARLY_FULL = 80;

/** The title, a field that looks like text. Enter or leaving it saves, Escape takes back what was typed. */
export function Title({ card, editable }: { card: Card; editable: boolean }) {
  const phone = usePhone();
  const flash = useFlash(card.board, card.id, card.title);
  const Heading = phone ? "h1" : "h2";
  if (!editable) {
    return <Heading className={`rounded-md text-xl leading-7 [overflow-wrap:anywhere] ${flash}`}>{card.title}</Heading>;
  }
  return (
    <>
      <Heading className="sr-only">{card.title}</Heading>
      <TitleField card={card} flash={flash} />
    </>
  );
}

function TitleField({ card, flash }: { card: Card; flash: string }) {
  const box = useRef<HTMLTextAreaElement>(null);
  const [draft, setDraft] = useState<{ text: string; base: string } | null>(null);
  const text = draft?.text ?? card.title;
  useGrowing(box, text, 6);
  const title = text.replace(/\s+/g, " ").trim();
  const short = draft !== null && title.length < SHORTEST;
  const meanwhile = draft !== null && card.title !== draft.base && card.title !== title;

  const save = () => {
    if (draft === null || short) return;
    setDraft(null);
    if (title !== card.title) void attempt(() => boardActions.changeTask(card.board, card.id, { title }));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Enter") {
      save();
      if (!short) box.current?.blur();
    } else if (event.key === "Escape" && draft !== null) setDraft(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div>
      <textarea
        ref={box}
        rows={1}
        value={text}
        maxLength={LONGEST}
        aria-label="Title"
        aria-invalid={short || undefined}
        aria-describedby={short || meanwhile ? `${card.id}-title` : undefined}
        spellCheck
        onChange={(event) =>
          setDraft({ text: event.target.value.replaceAll("\n", " "), base: draft?.base ?? card.title })
        }
        onBlur={save}
        onKeyDown={onKeyDown}
        className={`-mx-2 block w-[calc(100%+16px)] resize-none rounded-md bg-transparent px-2 py-1 text-xl leading-7 font-semibold tracking-tight outline-none hover:bg-hover focus:bg-field focus:shadow-[inset_0_0_0_1px_var(--accent)] ${flash}`}
      />
      {draft !== null && (
        <p id={`${card.id}-title`} className="mt-1 flex gap-3 text-xs text-ink-3">
          <span className={`grow ${short ? "text-danger-ink" : ""}`}>
            {short
              ? `A title has at least ${SHORTEST} characters.`
              : meanwhile
                ? `Meanwhile it was named “${card.title}”. Enter saves yours, Escape keeps that.`
                : ""}
          </span>
          {text.length > NEARLY_FULL && (
            <span className="tabular-nums">
              {text.length} of {LONGEST}
            </span>
          )}
        </p>
      )}
    </div>
  );
}
