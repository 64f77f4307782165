import { type KeyboardEvent, useLayoutEffect, useRef, useState } from "react";
import type { Card } from "../../../core/boards/wire";
import { attempt } from "../../state";
import { boardActions } from "../store";
import { titleProblem } from "./model/adding";
import { useScene } from "./scene";
import { useBoardUi } from "./state";

interface Props {
  id: string;
  card: Card;
  editing: boolean;
  selected: boolean;
}

export function CardTitle({ id, card, editing, selected }: Props) {
  if (editing) return <TitleField card={card} />;
  return (
    <h3 id={id} className="line-clamp-5 pr-5 leading-5 coarse:pr-7 font-normal tracking-normal break-words text-ink">
      {card.title}
      {selected && <span className="sr-only">, selected</span>}
    </h3>
  );
}

/** Enter and leaving it save, Escape does not. */
function TitleField({ card }: { card: Card }) {
  const scene = useScene();
  const [title, setTitle] = useState(card.title);
  const field = useRef<HTMLTextAreaElement>(null);
  const done = useRef(false);
  const problem = titleProblem(title);
  useLayoutEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, []);
  const end = (save: boolean, focus: boolean) => {
    if (done.current) return;
    done.current = true;
    const { cursor } = useBoardUi.getState();
    useBoardUi.setState({ editing: null });
    if (focus && cursor) requestAnimationFrame(() => scene.element(cursor.lane, cursor.task)?.focus());
    if (save && !problem && title.trim() !== card.title)
      void attempt(() => boardActions.changeTask(card.board, card.id, { title: title.trim() }));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    if (event.key !== "Escape" && event.key !== "Enter") return;
    event.preventDefault();
    if (event.key === "Escape" || !problem) end(event.key === "Enter", true);
  };
  return (
    <>
      <textarea
        ref={field}
        value={title}
        rows={1}
        aria-label="Title"
        aria-invalid={problem ? true : undefined}
        onChange={(event) => setTitle(event.target.value.replaceAll("\n", " "))}
        onKeyDown={onKeyDown}
        onBlur={() => end(true, false)}
        className="-mx-1 block w-[calc(100%+8px)] resize-none rounded bg-field px-1 leading-5 outline-2 outline-accent [field-sizing:content] coarse:text-[16px]"
      />
      {problem && (
        <p role="alert" className="mt-1 text-xs text-danger-ink">
          {problem}
        </p>
      )}
    </>
  );
}
