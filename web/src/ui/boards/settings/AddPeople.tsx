import { useCallback, useState } from "react";
import type { BoardMember, Right } from "../../../core/boards/wire";
import type { Id, User } from "../../../core/wire";
import { plural } from "../../lib/names";
import { PeoplePicker } from "../../overlays/PeoplePicker";
import { Button } from "../../parts/Button";
import { Choice } from "../../parts/Field";
import { Modal } from "../../parts/Modal";
import { attempt } from "../../state";
import { useStore } from "../../store";
import { boardActions } from "../store";
import { RIGHT_NAMES, rightsFor } from "./rights";

interface Props {
  board: Id;
  members: BoardMember[];
  onClose: () => void;
}

/** Gives people a right on the board. */
export function AddPeople({ board, members, onClose }: Props) {
  const people = useStore((state) => state.people);
  const [chosen, setChosen] = useState<Id[]>([]);
  const [wished, setWished] = useState<Right>("edit");
  const [busy, setBusy] = useState(false);
  const among = useCallback((user: User) => !members.some((member) => member.user === user.id), [members]);
  // What all of the chosen can be given.
  const offered = chosen.reduce<Right[]>((rights, id) => {
    const own = rightsFor(people[id]?.role ?? "member");
    return rights.filter((right) => own.includes(right));
  }, rightsFor("member"));
  const right = offered.includes(wished) ? wished : "comment";
  const add = async () => {
    setBusy(true);
    const done = await attempt(async () => {
      for (const user of chosen) await boardActions.setMember(board, user, right);
    });
    if (done) onClose();
    else setBusy(false);
  };
  return (
    <Modal title="Add people" onClose={onClose}>
      <PeoplePicker
        among={among}
        chosen={chosen}
        onChange={setChosen}
        label="Find people"
        nobody="Everybody by that name is already on the board."
      />
      <div className="mt-4 grid gap-4">
        <Choice
          label="They may"
          value={right}
          onChange={(event) => setWished(event.target.value as Right)}
          hint={RIGHT_NAMES[right].text}
        >
          {offered.map((one) => (
            <option key={one} value={one}>
              {RIGHT_NAMES[one].may}
            </option>
          ))}
        </Choice>
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" busy={busy} disabled={chosen.length === 0} onClick={add}>
            {chosen.length > 1 ? `Add ${plural(chosen.length, "person", "people")}` : "Add"}
          </Button>
        </div>
      </div>
    </Modal>
  );
}
