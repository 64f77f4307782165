import type { Board, BoardMember } from "../../../core/boards/wire";
import type { Id, User } from "../../../core/wire";

/** A member of a board of whom only the name may be known. */
export function asUser({ user, name }: BoardMember): User {
  return { id: user, name, role: "member", title: "", active: true, created_at: "" };
}

/** Who may see a board, and so may be given its tasks: its members, admins, and colleagues if it is shown to them. */
export function peopleOf(
  people: Record<Id, User>,
  board: Pick<Board, "shown_to"> | undefined,
  members: BoardMember[],
): User[] {
  const found = new Map(members.map((member) => [member.user, people[member.user] ?? asUser(member)]));
  for (const user of Object.values(people)) {
    const admin = user.role === "owner" || user.role === "admin";
    if (admin || (user.role === "member" && board?.shown_to === "colleagues")) found.set(user.id, user);
  }
  return [...found.values()].filter((user) => user.active);
}
