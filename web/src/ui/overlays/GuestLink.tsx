import type { Id } from "../../core/wire";
import { Modal } from "../parts/Modal";
import { useStore } from "../store";
import { LinkMaker } from "./LinkMaker";

export default function GuestLink({ room: id }: { room: Id }) {
  const room = useStore((state) => state.rooms[id]);
  if (!room) return null;
  return (
    <Modal
      title={`Invite a guest to ${room.name}`}
      text="Whoever has the link gives a name and is in. Guests see this room only, and their visit ends two hours after its last use."
    >
      <LinkMaker invitee="guest" room={id} />
    </Modal>
  );
}
