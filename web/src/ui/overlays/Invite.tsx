import { useMemo, useState } from "react";
import type { Role } from "../../core/wire";
import { isAdmin } from "../lib/rooms";
import { Choice } from "../parts/Field";
import { Modal } from "../parts/Modal";
import { useStore } from "../store";
import { LinkMaker } from "./LinkMaker";

const ROLES: { role: Role; name: string; text: string; admin: boolean }[] = [
  { role: "member", name: "Member", text: "A colleague: sees open rooms, makes rooms, invites guests.", admin: true },
  { role: "admin", name: "Admin", text: "A member who also manages people and rooms.", admin: true },
  { role: "client", name: "Client", text: "Has an account, sees only the rooms they are added to.", admin: false },
  { role: "guest", name: "Guest", text: "No account: a name and one room, for one visit.", admin: false },
];

/** An invitation link for somebody new, by role. */
export default function Invite() {
  const admin = useStore(isAdmin);
  const rooms = useStore((state) => state.rooms);
  const [role, setRole] = useState<Role>(admin ? "member" : "guest");
  const [room, setRoom] = useState("");
  const open = useMemo(
    () =>
      Object.values(rooms)
        .filter((one) => one.joined && one.kind !== "direct" && !one.archived)
        .sort((a, b) => a.name.localeCompare(b.name)),
    [rooms],
  );
  const roles = ROLES.filter((one) => admin || !one.admin);
  // Members of the company invite others into their rooms only.
  const needsRoom = role === "guest" || !admin;
  const chosen = room || (needsRoom ? open[0]?.id : undefined);
  return (
    <Modal title="Invite people">
      <div className="grid gap-4">
        <Choice
          label="Role"
          value={role}
          onChange={(event) => setRole(event.target.value as Role)}
          hint={roles.find((one) => one.role === role)?.text}
        >
          {roles.map((one) => (
            <option key={one.role} value={one.role}>
              {one.name}
            </option>
          ))}
        </Choice>
        <Choice label="Room" value={chosen ?? ""} onChange={(event) => setRoom(event.target.value)}>
          {!needsRoom && <option value="">None in particular</option>}
          {open.map((one) => (
            <option key={one.id} value={one.id}>
              {one.name}
            </option>
          ))}
        </Choice>
        {needsRoom && !chosen ? (
          <p className="text-sm text-ink-2">They need a room to come to. Create one first.</p>
        ) : (
          <LinkMaker key={`${role} ${chosen}`} invitee={role} room={chosen || undefined} />
        )}
      </div>
    </Modal>
  );
}
