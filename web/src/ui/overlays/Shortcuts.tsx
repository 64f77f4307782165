import { Modal } from "../parts/Modal";
import { SHORTCUTS } from "../shell/shortcuts";

export default function Shortcuts() {
  return (
    <Modal title="Keyboard shortcuts">
      <dl className="divide-y divide-line">
        {SHORTCUTS.map(([keys, does]) => (
          <div key={keys} className="flex items-baseline justify-between gap-6 py-2">
            <dt className="text-ink-2">{does}</dt>
            <dd className="shrink-0 font-medium whitespace-nowrap">{keys}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
