import { useState } from "react";
import { useLocation } from "wouter";
import type { BoardData } from "../../../core/boards/store";
import type { Id } from "../../../core/wire";
import { textOf, useForm } from "../../lib/form";
import { roomTitle } from "../../lib/names";
import { Button } from "../../parts/Button";
import { Choice, Field, FormError } from "../../parts/Field";
import { note, openOverlay } from "../../state";
import { useStore } from "../../store";
import { AUDIENCES } from "../index/audiences";
import { RadioCards } from "../index/RadioCards";
import { byName } from "../index/use-index";
import { OVERVIEW } from "../paths";
import { boardActions } from "../store";
import type { SectionProps } from "./BoardSettings";

/** Name, whom it is shown to and the room it belongs with; and putting it away. */
export default function General({ board, data }: SectionProps) {
  const [, navigate] = useLocation();
  const { name, archived } = data.board;
  const archive = () =>
    openOverlay({
      name: "confirm",
      title: `Archive ${name}?`,
      text: "Nobody can change it any more. It keeps everything on it and can be restored.",
      verb: "Archive",
      run: async () => {
        await boardActions.changeBoard(board, { archived: true });
        navigate(OVERVIEW);
        note(`${name} is archived.`, false, {
          label: "Undo",
          run: () => void boardActions.changeBoard(board, { archived: false }).then(() => boardActions.loadIndex()),
        });
      },
    });
  return (
    <>
      <section className="border-b border-line py-6">
        <Form key={data.board.id} board={board} data={data} />
      </section>
      {!archived && (
        <section className="py-6">
          <h2 className="text-lg">Archive the board</h2>
          <p className="mt-0.5 mb-4 text-sm text-ink-2">
            For what is over. Archived boards are listed apart and can be restored.
          </p>
          <Button onClick={archive}>Archive</Button>
        </section>
      )}
    </>
  );
}

function Form({ board, data }: { board: Id; data: BoardData }) {
  const known = data.board;
  const rooms = useStore((state) => state.rooms);
  const [shownTo, setShownTo] = useState(known.shown_to);
  const form = useForm(async (form) => {
    const name = textOf(form, "name");
    const room = textOf(form, "room") || null;
    await boardActions.changeBoard(board, {
      ...(name !== known.name && { name }),
      ...(room !== known.room && { room }),
      ...(shownTo !== known.shown_to && { shown_to: shownTo }),
    });
    note("Saved.");
  });
  const offered = Object.values(rooms)
    .filter((room) => room.kind !== "direct" && room.joined && (!room.archived || room.id === known.room))
    .sort(byName);
  const foreign = known.room !== null && !offered.some((room) => room.id === known.room);
  return (
    <form className="grid gap-5" onSubmit={form.onSubmit}>
      <fieldset disabled={known.archived} className="contents">
        <Field
          label="Name"
          name="name"
          required
          maxLength={80}
          defaultValue={known.name}
          autoComplete="off"
          error={form.fields.name}
        />
        <RadioCards label="Who sees it" name="shown_to" value={shownTo} options={AUDIENCES} onChoose={setShownTo} />
        <Choice
          label="Room"
          name="room"
          defaultValue={known.room ?? ""}
          hint="Where it is talked about. Being in the room gives no right on the board."
          error={form.fields.room}
        >
          <option value="">None</option>
          {foreign && <option value={known.room ?? ""}>A room you are not in</option>}
          {offered.map((room) => (
            <option key={room.id} value={room.id}>
              {roomTitle(room, {}, undefined)}
            </option>
          ))}
        </Choice>
        <FormError>{form.error}</FormError>
        <div>
          <Button look="primary" type="submit" busy={form.busy}>
            Save
          </Button>
        </div>
      </fieldset>
    </form>
  );
}
