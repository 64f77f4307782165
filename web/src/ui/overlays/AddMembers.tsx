import { useCallback, useState } from "react";
import type { Id, User } from "../../core/wire";
import { plural } from "../lib/names";
import { Button } from "../parts/Button";
import { Modal } from "../parts/Modal";
import { attempt, closeOverlay, openOverlay } from "../state";
import { actions, useStore } from "../store";
import { PeoplePicker } from "./PeoplePicker";

export default function AddMembers({ room: id }: { room: Id }) {
  const room = useStore((state) => state.rooms[id]);
  const [chosen, setChosen] = useState<Id[]>([]);
  const [busy, setBusy] = useState(false);
  const members = room?.members;
  const among = useCallback((user: User) => user.role !== "guest" && !members?.includes(user.id), [members]);
  const add = async () => {
    setBusy(true);
    const done = await attempt(async () => {
      for (const user of chosen) await actions.addMember(id, user);
    });
    if (done) closeOverlay();
    else setBusy(false);
  };
  if (!room) return null;
  return (
    <Modal title={`Add people to ${room.name}`}>
      <PeoplePicker
        among={among}
        chosen={chosen}
        onChange={setChosen}
        label="Find people"
        nobody="Everybody by that name is already here."
      />
      <div className="mt-4 flex flex-wrap items-center justify-end gap-2">
        <button
          type="button"
          className="mr-auto text-sm font-medium text-accent-ink underline underline-offset-3"
          onClick={() => openOverlay({ name: "guest-link", room: id })}
        >
          Invite a guest instead
        </button>
        <Button look="primary" busy={busy} disabled={chosen.length === 0} onClick={add}>
          {chosen.length > 1 ? `Add ${plural(chosen.length, "person", "people")}` : "Add"}
        </Button>
      </div>
    </Modal>
  );
}
