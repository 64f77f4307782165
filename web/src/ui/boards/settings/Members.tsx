import { UserPlus, X } from "lucide-react";
import { useState } from "react";
import type { BoardList, BoardMember, Right } from "../../../core/boards/wire";
import type { Id, User } from "../../../core/wire";
import { listNames } from "../../lib/names";
import { Avatar } from "../../parts/Avatar";
import { Button } from "../../parts/Button";
import { IconButton } from "../../parts/IconButton";
import { ICON } from "../../parts/icon";
import { attempt } from "../../state";
import { useStore } from "../../store";
import { boardActions } from "../store";
import { AddPeople } from "./AddPeople";
import type { SectionProps } from "./BoardSettings";
import { RIGHT_NAMES, rightsFor } from "./rights";

/** Who may do what on the board. */
export default function Members({ board, data }: SectionProps) {
  const [adding, setAdding] = useState(false);
  const manages = data.right === "manage" && !data.board.archived;
  const colleague = useStore((state) => state.me?.role !== "client" && state.me?.role !== "guest");
  const open = data.board.shown_to === "colleagues";
  return (
    <section className="py-6">
      <div className="flex flex-wrap items-start gap-x-4 gap-y-3">
        <p className="min-w-60 grow basis-0 text-sm text-ink-2">
          {open
            ? "Colleagues edit this board unless they were given another right here. "
            : "Only those listed here see this board. "}
          Owners and admins of the workspace manage every board. Clients and guests comment at most
          {colleague ? `, and see ${seenOutside(data.lists)}.` : "."}
        </p>
        {manages && (
          <Button look="primary" onClick={() => setAdding(true)}>
            <UserPlus {...ICON} />
            Add people
          </Button>
        )}
      </div>
      {data.members.length > 0 ? (
        <ul className="mt-5 divide-y divide-line border-y border-line">
          {data.members.map((member) => (
            <Member key={member.user} board={board} member={member} manages={manages} />
          ))}
        </ul>
      ) : (
        <p className="mt-5 border-y border-line py-4 text-ink-3">Nobody was given a right of their own.</p>
      )}
      {adding && <AddPeople board={board} members={data.members} onClose={() => setAdding(false)} />}
    </section>
  );
}

function seenOutside(lists: BoardList[]): string {
  const hidden = lists.filter((list) => !list.shown_outside).map(({ name }) => name);
  return hidden.length ? `every list but ${listNames(hidden)}` : "every list";
}

interface MemberProps {
  board: Id;
  member: BoardMember;
  manages: boolean;
}

function Member({ board, member, manages }: MemberProps) {
  const known = useStore((state) => state.people[member.user]);
  const online = useStore((state) => state.online[member.user] === true);
  const me = useStore((state) => state.me?.id);
  const user: User = known ?? {
    id: member.user,
    name: member.name,
    role: "member",
    title: "",
    active: true,
    created_at: "",
  };
  const give = (right: Right) =>
    void attempt(
      () => boardActions.setMember(board, member.user, right),
      `${user.name} may ${RIGHT_NAMES[right].may}.`,
    );
  const remove = () => void attempt(() => boardActions.removeMember(board, member.user));
  return (
    <li className="flex min-h-14 items-center gap-3 py-2" data-person={member.user}>
      <Avatar user={user} online={online} />
      <div className="min-w-0 grow">
        <p className="truncate leading-5 font-medium">
          {user.name}
          {user.id === me && <span className="font-normal text-ink-3"> (you)</span>}
        </p>
        {known && <p className="truncate text-sm leading-5 text-ink-3">{known.title || known.role}</p>}
      </div>
      {manages ? (
        <>
          <select
            value={member.right}
            aria-label={`Right of ${user.name}`}
            onChange={(event) => give(event.target.value as Right)}
            className="h-8 rounded-md bg-field pr-7 pl-2.5 text-sm shadow-[inset_0_0_0_1px_var(--line-strong)] coarse:h-10"
          >
            {rightsFor(user.role, member.right).map((right) => (
              <option key={right} value={right}>
                {RIGHT_NAMES[right].name}
              </option>
            ))}
          </select>
          <IconButton icon={X} label={`Take ${user.name} off the board`} onClick={remove} />
        </>
      ) : (
        <span className="rounded-md bg-hover px-2.5 py-1 text-sm text-ink-2">{RIGHT_NAMES[member.right].name}</span>
      )}
    </li>
  );
}
