import { useUi } from "../state";

/** Tells a screen reader about new messages, politely. */
export function Announcer() {
  const text = useUi((ui) => ui.announcement);
  return (
    <div role="status" aria-live="polite" className="sr-only">
      {text}
    </div>
  );
}
