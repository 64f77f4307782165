import { Modal } from "../parts/Modal";

type Keys = [keys: string, does: string][];

const EVERYWHERE: Keys = [
  ["Ctrl or ⌘ K", "Find rooms, people, messages and actions"],
  ["Alt ↑ / ↓", "Previous or next conversation"],
  ["Shift Esc", "Mark everything as read"],
  ["?", "Show this list"],
  ["Enter", "Send the message"],
  ["Shift Enter", "New line"],
  ["↑ in an empty composer", "Edit your last message"],
  ["@ and :", "Complete names and emoji"],
  ["↑ / ↓ in the timeline", "Walk through messages"],
  ["R, E, +", "Reply to, edit or react to the message walked to"],
];

const BOARDS: Keys = [
  ["Arrows", "Walk over the tasks"],
  ["Enter", "Open the task"],
  ["Space", "Lift the task; arrows move it, Space drops it"],
  ["X", "Select; with Shift and arrows several"],
  ["N", "New task in the list"],
  ["F2", "Edit the title"],
  ["M", "Menu of the task"],
  ["E", "Archive"],
  ["/", "Filter"],
  ["Shift ← / →", "Move the list whose name has the focus"],
];

export default function Shortcuts() {
  return (
    <Modal title="Keyboard shortcuts">
      <List keys={EVERYWHERE} />
      <h3 className="mt-5 mb-1 text-sm text-ink-3">On a board</h3>
      <List keys={BOARDS} />
    </Modal>
  );
}

function List({ keys }: { keys: Keys }) {
  return (
    <dl className="divide-y divide-line">
      {keys.map(([key, does]) => (
        <div key={key} className="flex items-baseline justify-between gap-6 py-2">
          <dt className="text-ink-2">{does}</dt>
          <dd className="shrink-0 font-medium whitespace-nowrap">{key}</dd>
        </div>
      ))}
    </dl>
  );
}
