import { Hash, Lock } from "lucide-react";
import { useState } from "react";
import { useLocation } from "wouter";
import { textOf, useForm } from "../lib/form";
import { roomPath } from "../lib/rooms";
import { Button } from "../parts/Button";
import { Field, FormError } from "../parts/Field";
import { ICON } from "../parts/icon";
import { Modal } from "../parts/Modal";
import { closeOverlay } from "../state";
import { actions } from "../store";

const KINDS = [
  { kind: "open", icon: Hash, name: "Open", text: "Every colleague can find it and join." },
  { kind: "private", icon: Lock, name: "Private", text: "Only those who are added know of it." },
] as const;

export default function NewRoom() {
  const [kind, setKind] = useState<"open" | "private">("open");
  const [, navigate] = useLocation();
  const form = useForm(async (data) => {
    const topic = textOf(data, "topic");
    const room = await actions.createRoom({ name: textOf(data, "name"), kind, ...(topic && { topic }) });
    closeOverlay();
    navigate(roomPath(room.id));
  });
  return (
    <Modal title="New room">
      <form className="grid gap-4" onSubmit={form.onSubmit}>
        <Field
          label="Name"
          name="name"
          required
          minLength={2}
          maxLength={50}
          placeholder="launch"
          autoComplete="off"
          error={form.fields.name}
        />
        <Field
          label="Topic"
          name="topic"
          maxLength={250}
          placeholder="What it is for (optional)"
          autoComplete="off"
          error={form.fields.topic}
        />
        <fieldset className="grid gap-2">
          <legend className="mb-1 text-sm font-medium">Who can see it</legend>
          {KINDS.map(({ kind: value, icon: Icon, name, text }) => (
            <label
              key={value}
              className="flex cursor-pointer items-center gap-3 rounded-lg px-3 py-2 shadow-[inset_0_0_0_1px_var(--line)] has-checked:bg-accent-soft has-checked:shadow-[inset_0_0_0_1px_var(--accent)] has-focus-visible:outline-2 has-focus-visible:outline-accent"
            >
              <input
                type="radio"
                name="kind"
                value={value}
                checked={kind === value}
                onChange={() => setKind(value)}
                className="sr-only"
              />
              <Icon {...ICON} className="shrink-0 text-ink-2" />
              <span>
                <span className="block leading-5 font-medium">{name}</span>
                <span className="block text-sm text-ink-2">{text}</span>
              </span>
            </label>
          ))}
        </fieldset>
        <FormError>{form.error}</FormError>
        <div className="flex justify-end gap-2">
          <Button onClick={closeOverlay}>Cancel</Button>
          <Button look="primary" type="submit" busy={form.busy}>
            Create room
          </Button>
        </div>
      </form>
    </Modal>
  );
}
