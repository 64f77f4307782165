import { useRef, useState } from "react";
import { useLocation } from "wouter";
import { textOf, useForm } from "../../lib/form";
import { Button } from "../../parts/Button";
import { Field, FormError } from "../../parts/Field";
import { Modal } from "../../parts/Modal";
import { StatusMark } from "../parts/StatusMark";
import { boardPath } from "../paths";
import { boardActions } from "../store";
import { AUDIENCES } from "./audiences";
import { RadioCards } from "./RadioCards";
import { TEMPLATES, type Template } from "./templates";

export default function NewBoard({ onClose }: { onClose: () => void }) {
  const [shownTo, setShownTo] = useState<"colleagues" | "members">("colleagues");
  const [template, setTemplate] = useState<Template>(TEMPLATES[0] as Template);
  const [, navigate] = useLocation();
  const name = useRef<HTMLInputElement>(null);
  const form = useForm(async (data) => {
    const { lists } = template;
    const board = await boardActions.createBoard({ name: textOf(data, "name"), shown_to: shownTo, lists });
    onClose();
    navigate(boardPath(board.id));
  });
  return (
    <Modal wide title="New board" onClose={onClose} initialFocus={name}>
      <form className="grid gap-5" onSubmit={form.onSubmit}>
        <Field
          ref={name}
          label="Name"
          name="name"
          required
          maxLength={80}
          placeholder="Website relaunch"
          autoComplete="off"
          error={form.fields.name}
        />
        <RadioCards label="Who sees it" name="shown_to" value={shownTo} options={AUDIENCES} onChoose={setShownTo} />
        <fieldset>
          <legend className="mb-1 text-sm font-medium">Lists to begin with</legend>
          <div className="grid gap-2 sm:grid-cols-2">
            {TEMPLATES.map((one) => (
              <label
                key={one.id}
                className="flex cursor-pointer flex-col gap-1.5 rounded-lg px-3 py-2.5 shadow-[inset_0_0_0_1px_var(--line)] has-checked:bg-accent-soft has-checked:shadow-[inset_0_0_0_1px_var(--accent)] has-focus-visible:outline-2 has-focus-visible:outline-accent"
              >
                <input
                  type="radio"
                  name="template"
                  value={one.id}
                  checked={template.id === one.id}
                  onChange={() => setTemplate(one)}
                  className="sr-only"
                />
                <span className="leading-5 font-medium">{one.name}</span>
                <span className="flex flex-wrap gap-x-3 gap-y-1 text-sm text-ink-2">
                  {one.lists.map((list) => (
                    <span key={list.name} className="inline-flex items-center gap-1.5">
                      <StatusMark status={list.status} />
                      {list.name}
                    </span>
                  ))}
                  {one.lists.length === 0 && "You make the lists yourself."}
                </span>
              </label>
            ))}
          </div>
        </fieldset>
        <FormError>{form.error}</FormError>
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" busy={form.busy}>
            Make the board
          </Button>
        </div>
      </form>
    </Modal>
  );
}
