import type { Core } from "../core";
import type { Confirmed } from "./draft";

/** Makes people of the board known whom one does not know from elsewhere: clients see their names here alone. */
export function introduce(core: Core, { data }: Confirmed): void {
  const { people } = core.state;
  const strangers = data.members.filter((member) => !people[member.user]);
  if (!strangers.length) return;
  const known = strangers.map(({ user, name }) => [
    user,
    { id: user, name, role: "member" as const, title: "", active: true, created_at: data.board.created_at },
  ]);
  core.update((state) => ({ ...state, people: { ...Object.fromEntries(known), ...state.people } }));
}
