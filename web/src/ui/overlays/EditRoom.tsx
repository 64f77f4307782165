import type { Id } from "../../core/wire";
import { textOf, useForm } from "../lib/form";
import { Button } from "../parts/Button";
import { Field, FormError } from "../parts/Field";
import { Modal } from "../parts/Modal";
import { closeOverlay } from "../state";
import { actions, useStore } from "../store";

export default function EditRoom({ room: id }: { room: Id }) {
  const room = useStore((state) => state.rooms[id]);
  const renames = room?.manages !== false;
  const form = useForm(async (data) => {
    const name = renames ? textOf(data, "name") : room?.name;
    const topic = textOf(data, "topic");
    // Anyone in the room may change its topic, not everyone its name: only what changed is sent.
    const change = { ...(name !== room?.name && { name }), ...(topic !== room?.topic && { topic }) };
    if (Object.keys(change).length > 0) await actions.changeRoom(id, change);
    closeOverlay();
  });
  if (!room) return null;
  return (
    <Modal title="Edit room">
      <form className="grid gap-4" onSubmit={form.onSubmit}>
        {renames && (
          <Field
            label="Name"
            name="name"
            required
            minLength={2}
            maxLength={50}
            defaultValue={room.name}
            autoComplete="off"
            error={form.fields.name}
          />
        )}
        <Field
          label="Topic"
          name="topic"
          maxLength={250}
          defaultValue={room.topic}
          autoComplete="off"
          hint="One line that tells what the room is for."
          error={form.fields.topic}
        />
        <FormError>{form.error}</FormError>
        <div className="flex justify-end gap-2">
          <Button onClick={closeOverlay}>Cancel</Button>
          <Button look="primary" type="submit" busy={form.busy}>
            Save
          </Button>
        </div>
      </form>
    </Modal>
  );
}
