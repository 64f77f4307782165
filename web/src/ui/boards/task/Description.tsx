import { Pencil } from "lucide-react";
import { type MouseEvent, useRef, useState } from "react";
import type { TaskChange } from "../../../core/boards/wire";
import type { Entry, Id } from "../../../core/wire";
import { personName } from "../../lib/names";
import { Button } from "../../parts/Button";
import { IconButton } from "../../parts/IconButton";
import { useBoardPeople } from "../parts/people";
import { useBoards } from "../store";
import { RichText } from "./RichText";
import { Section } from "./Section";
import { TextEditor } from "./TextEditor";
import { useDescription } from "./use-description";
import { useFlash } from "./use-flash";

const LONGEST = 20_000;

interface Props {
  board: Id;
  task: Id;
  description: string;
  editable: boolean;
}

/** The description: rendered, and edited in its place. */
export function Description({ board, task, description, editable }: Props) {
  const editor = useDescription(board, task, description);
  const flash = useFlash(board, task, description);
  const edit = useRef<HTMLButtonElement>(null);
  const focusEdit = () => requestAnimationFrame(() => edit.current?.focus());
  if (!editable && description === "" && !editor.draft) return null;

  const onClick = (event: MouseEvent) => {
    const selecting = (window.getSelection()?.toString() ?? "") !== "";
    if (editable && !selecting && !(event.target as Element).closest("a, summary")) editor.start();
  };

  return (
    <Section
      title="Description"
      action={
        editable && description !== "" && !editor.draft ? (
          <IconButton
            ref={edit}
            data-edit-description
            icon={Pencil}
            label="Edit the description"
            keys="E"
            small
            onClick={editor.start}
          />
        ) : null
      }
    >
      {editor.draft && editable ? (
        <TextEditor
          label="Description"
          text={editor.draft.text}
          longest={LONGEST}
          rows={4}
          onText={editor.type}
          onSave={() => {
            void editor.save();
            focusEdit();
          }}
          onCancel={() => editor.cancel(focusEdit)}
          savable={!editor.changed}
        >
          {editor.changed && (
            <Conflict
              board={board}
              task={task}
              theirs={description}
              onMine={editor.keepMine}
              onTheirs={() => {
                editor.leave();
                focusEdit();
              }}
            />
          )}
        </TextEditor>
      ) : description === "" ? (
        <button
          ref={edit}
          type="button"
          data-edit-description
          onClick={editor.start}
          className="-mx-2 block w-[calc(100%+16px)] rounded-md px-2 py-1.5 text-left text-sm text-ink-3 hover:bg-hover max-md:text-base coarse:min-h-11"
        >
          Add a description
        </button>
      ) : (
        // biome-ignore lint/a11y/noStaticElementInteractions: the button beside the heading does the same by keyboard
        // biome-ignore lint/a11y/useKeyWithClickEvents: the button beside the heading does the same by keyboard
        <div
          onClick={onClick}
          className={`-mx-2 rounded-md px-2 py-1 ${editable ? "cursor-text hover:bg-hover" : ""} ${flash}`}
        >
          <RichText board={board} body={description} />
        </div>
      )}
    </Section>
  );
}

interface ConflictProps {
  board: Id;
  task: Id;
  theirs: string;
  onMine: () => void;
  onTheirs: () => void;
}

const isDescribing = ({ kind, data }: Entry) =>
  kind === "task.changed" && (data as { changed: TaskChange }).changed.description !== undefined;

/** Somebody saved another description while this one was being written. Nothing is lost without being seen. */
function Conflict({ board, task, theirs, onMine, onTheirs }: ConflictProps) {
  const author = useBoards((state) => state.details[task]?.activity.find(isDescribing)?.actor);
  const [person] = useBoardPeople(board, author ? [author] : []);
  const [shown, setShown] = useState(false);
  return (
    <div role="alert" className="mt-2 rounded-md bg-notice px-3 py-2 text-sm text-notice-ink">
      <p>{personName(person)} changed the description while you were writing.</p>
      {shown && (
        <div className="mt-2 max-h-60 overflow-y-auto rounded-md bg-canvas px-3 py-2 text-ink">
          {theirs === "" ? <p className="text-ink-3">It is empty now.</p> : <RichText board={board} body={theirs} />}
        </div>
      )}
      <div className="mt-2 flex flex-wrap gap-2">
        <Button small onClick={() => setShown(!shown)} aria-expanded={shown}>
          {shown ? "Hide theirs" : "Show theirs"}
        </Button>
        <Button small onClick={onTheirs}>
          Take theirs
        </Button>
        <Button small onClick={onMine}>
          Keep mine
        </Button>
      </div>
    </div>
  );
}
