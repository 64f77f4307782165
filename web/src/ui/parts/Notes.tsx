import { X } from "lucide-react";
import { dropNote, useUi } from "../state";

/** Short notes at the bottom: what was done, or why it was not. */
export function Notes() {
  const notes = useUi((ui) => ui.notes);
  return (
    <section
      className="pointer-events-none fixed inset-x-0 bottom-20 z-50 flex flex-col items-center gap-2 px-4"
      aria-label="Notes"
      aria-live="polite"
    >
      {notes.map(({ id, text, bad, action }) => (
        <div
          key={id}
          role={bad ? "alert" : undefined}
          className="pointer-events-auto flex max-w-md items-center gap-3 rounded-lg bg-tip py-2 pr-2 pl-4 text-sm text-on-tip shadow-float"
        >
          <span>{text}</span>
          {action && (
            <button
              type="button"
              onClick={() => {
                dropNote(id);
                action.run();
              }}
              className="rounded px-1.5 py-0.5 font-semibold underline underline-offset-3 coarse:py-2"
            >
              {action.label}
            </button>
          )}
          <button
            type="button"
            aria-label="Dismiss"
            onClick={() => dropNote(id)}
            className="inline-flex size-6 items-center justify-center rounded opacity-70 hover:opacity-100"
          >
            <X size={16} aria-hidden="true" />
          </button>
        </div>
      ))}
    </section>
  );
}
