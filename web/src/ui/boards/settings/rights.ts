import type { Right } from "../../../core/boards/wire";
import type { Role } from "../../../core/wire";

export const RIGHT_NAMES: Record<Right, { name: string; may: string; text: string }> = {
  manage: { name: "Can manage", may: "manage this board", text: "Everything, also settings and people." },
  edit: { name: "Can edit", may: "edit this board", text: "Makes, changes, moves and archives lists and tasks." },
  comment: { name: "Can comment", may: "comment on this board", text: "Looks and comments." },
  view: { name: "Can view", may: "view this board", text: "Looks only." },
};

const ALL: Right[] = ["manage", "edit", "comment", "view"];

/** What somebody of this role can be given; clients and guests comment at most. `own`: what was given already. */
export function rightsFor(role: Role, own?: Right): Right[] {
  const outside = role === "client" || role === "guest";
  return ALL.filter((right) => !outside || right === "comment" || right === "view" || right === own);
}
