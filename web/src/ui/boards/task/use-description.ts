import { useState } from "react";
import type { Id } from "../../../core/wire";
import { attempt, openOverlay } from "../../state";
import { actions, useStore } from "../../store";
import { boardActions } from "../store";
import { changedMeanwhile, type Draft, followed } from "./description";

/** The description's editor: what is written is kept over a reload, with what it was written over. */
export function useDescription(board: Id, task: Id, description: string) {
  const where = `description:${task}`;
  const [draft, setDraft] = useState<Draft | null>(() => {
    const { drafts } = useStore.getState();
    const text = drafts[where];
    return text === undefined || text === description ? null : { text, base: drafts[`${where}:base`] ?? "" };
  });
  const current = draft && followed(draft, description);

  const keep = ({ text, base }: Draft) => {
    actions.setDraft(where, text === base ? "" : text);
    actions.setDraft(`${where}:base`, text === base ? "" : base);
  };
  const leave = () => {
    keep({ text: "", base: "" });
    setDraft(null);
  };
  const write = (next: Draft) => {
    setDraft(next);
    keep(next);
  };

  return {
    draft: current,
    changed: current !== null && changedMeanwhile(current, description),
    start: () => setDraft({ text: description, base: description }),
    type: (text: string) => write({ text, base: current?.base ?? description }),
    /** What the other one wrote is known and may be replaced. */
    keepMine: () => current && write({ ...current, base: description }),
    leave,
    cancel(left: () => void) {
      if (!current || current.text === current.base) {
        leave();
        left();
        return;
      }
      openOverlay({
        name: "confirm",
        title: "Discard what you wrote?",
        text: "The description stays as it was.",
        verb: "Discard",
        danger: true,
        run: async () => {
          leave();
          left();
        },
      });
    },
    async save() {
      if (!current) return;
      const text = current.text.trimEnd();
      leave();
      if (text === description) return;
      const saved = await attempt(() => boardActions.changeTask(board, task, { description: text }));
      if (!saved) write(current);
    },
  };
}
