import { useCallback, useState } from "react";
import { useLocation } from "wouter";
import type { Id, User } from "../../core/wire";
import { roomPath } from "../lib/rooms";
import { Button } from "../parts/Button";
import { Modal } from "../parts/Modal";
import { attempt, closeOverlay, openOverlay } from "../state";
import { actions, useStore } from "../store";
import { PeoplePicker } from "./PeoplePicker";

export default function NewDirect() {
  const me = useStore((state) => state.me?.id);
  const [chosen, setChosen] = useState<Id[]>([]);
  const [busy, setBusy] = useState(false);
  const [, navigate] = useLocation();
  const among = useCallback((user: User) => user.id !== me && user.role !== "guest", [me]);
  const start = async () => {
    setBusy(true);
    const done = await attempt(async () => {
      const room = await actions.createRoom({ kind: "direct", members: chosen });
      navigate(roomPath(room.id));
    });
    if (done) closeOverlay();
    else setBusy(false);
  };
  return (
    <Modal title="New direct conversation" text="Only the people you choose see it.">
      <PeoplePicker
        among={among}
        chosen={chosen}
        onChange={setChosen}
        label="Find people"
        nobody={
          <>
            Nobody by that name.{" "}
            <button
              type="button"
              className="font-medium text-accent-ink underline"
              onClick={() => openOverlay({ name: "invite" })}
            >
              Invite people
            </button>
          </>
        }
      />
      <div className="mt-4 flex justify-end gap-2">
        <Button onClick={closeOverlay}>Cancel</Button>
        <Button look="primary" busy={busy} disabled={chosen.length === 0} onClick={start}>
          Start
        </Button>
      </div>
    </Modal>
  );
}
