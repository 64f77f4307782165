import { MessageSquare, UserPlus } from "lucide-react";
import { useMemo, useState } from "react";
import { useLocation } from "wouter";
import type { Role, User } from "../../core/wire";
import { fold, matches } from "../lib/names";
import { isAdmin, roomPath } from "../lib/rooms";
import { Avatar } from "../parts/Avatar";
import { Button } from "../parts/Button";
import { IconButton } from "../parts/IconButton";
import { attempt, openOverlay } from "../state";
import { actions, useStore } from "../store";
import { Invitations } from "./Invitations";

/** Everybody in the workspace, their roles, and who is invited. */
export default function People() {
  const people = useStore((state) => state.people);
  const online = useStore((state) => state.online);
  const [filter, setFilter] = useState("");
  const { active, gone } = useMemo(() => {
    const all = Object.values(people)
      .filter(
        (user) =>
          filter.trim() === "" || matches(`${user.name} ${user.title} ${user.email ?? ""} ${user.role}`, filter),
      )
      .sort((a, b) => fold(a.name).localeCompare(fold(b.name)));
    return { active: all.filter((user) => user.active), gone: all.filter((user) => !user.active) };
  }, [people, filter]);
  return (
    <main className="min-h-0 min-w-0 grow overflow-y-auto">
      <div className="mx-auto max-w-4xl px-4 py-6 md:px-8 md:py-8">
        <header className="flex flex-wrap items-center gap-x-4 gap-y-3">
          <h1 className="grow text-2xl tracking-tight">People</h1>
          <input
            type="search"
            value={filter}
            onChange={(event) => setFilter(event.target.value)}
            placeholder="Filter"
            aria-label="Filter people"
            className="h-9 w-44 rounded-md bg-hover px-3 text-sm placeholder:text-ink-3 focus:bg-field focus:outline-2 focus:outline-accent max-sm:order-last max-sm:w-full coarse:h-11 coarse:text-[16px]"
          />
          <Button look="primary" onClick={() => openOverlay({ name: "invite" })}>
            <UserPlus size={18} strokeWidth={1.75} aria-hidden="true" />
            Invite people
          </Button>
        </header>
        <ul className="mt-6 divide-y divide-line border-y border-line">
          {active.map((user) => (
            <Person key={user.id} user={user} online={online[user.id] === true} />
          ))}
          {active.length === 0 && <li className="py-4 text-ink-3">Nobody here fits that.</li>}
        </ul>
        <Invitations />
        {gone.length > 0 && (
          <section className="mt-10">
            <h2 className="text-lg">Deactivated</h2>
            <p className="text-sm text-ink-2">They cannot sign in. What they wrote stays.</p>
            <ul className="mt-3 divide-y divide-line border-y border-line">
              {gone.map((user) => (
                <Person key={user.id} user={user} online={false} />
              ))}
            </ul>
          </section>
        )}
      </div>
    </main>
  );
}

const ROLES: Role[] = ["owner", "admin", "member", "client", "guest"];
const RANK: Record<Role, number> = { owner: 0, admin: 1, member: 2, client: 3, guest: 4 };

function Person({ user, online }: { user: User; online: boolean }) {
  const me = useStore((state) => state.me);
  const admin = useStore(isAdmin);
  const [, navigate] = useLocation();
  const self = user.id === me?.id;
  const changeable = admin && !self && user.role !== "owner" && user.role !== "guest";
  const write = () =>
    attempt(async () => {
      const room = await actions.createRoom({ kind: "direct", members: [user.id] });
      navigate(roomPath(room.id));
    });
  const deactivate = () =>
    openOverlay({
      name: "confirm",
      title: `Deactivate ${user.name}?`,
      text: "Their sessions end now and they cannot sign in again until you reactivate them. What they wrote stays.",
      verb: "Deactivate",
      danger: true,
      run: () => actions.updateUser(user.id, { active: false }),
    });
  return (
    <li className="flex min-h-16 flex-wrap items-center gap-x-3 gap-y-2 py-2" data-person={user.id}>
      <Avatar user={user} online={user.active ? online : undefined} />
      <div className="min-w-40 grow basis-0">
        <p className="truncate leading-5 font-medium">
          {user.name}
          {self && <span className="font-normal text-ink-3"> (you)</span>}
        </p>
        <p className="truncate text-sm leading-5 text-ink-3">
          <span className="sr-only">{online ? "Online. " : ""}</span>
          {[user.title, user.email].filter(Boolean).join(" · ") || (user.role === "guest" ? "Guest" : "No title yet")}
        </p>
      </div>
      <div className="flex items-center gap-2 max-sm:ml-12">
        {changeable ? (
          <select
            value={user.role}
            aria-label={`Role of ${user.name}`}
            onChange={(event) =>
              void attempt(() => actions.updateUser(user.id, { role: event.target.value as Role }), "Role changed.")
            }
            className="h-8 rounded-md bg-field pr-7 pl-2.5 text-sm shadow-[inset_0_0_0_1px_var(--line-strong)] coarse:h-10"
          >
            {ROLES.filter(
              (role) => role !== "guest" && RANK[role] >= RANK[me?.role ?? "member"] && role !== "owner",
            ).map((role) => (
              <option key={role} value={role}>
                {role}
              </option>
            ))}
          </select>
        ) : (
          <span className="rounded-md bg-hover px-2.5 py-1 text-sm text-ink-2">{user.role}</span>
        )}
        {!self && user.active && user.role !== "guest" && (
          <IconButton icon={MessageSquare} label={`Write to ${user.name}`} onClick={write} />
        )}
        {admin && !self && user.role !== "owner" && (
          <Button
            small
            look="quiet"
            onClick={
              user.active
                ? deactivate
                : () => void attempt(() => actions.updateUser(user.id, { active: true }), "Reactivated.")
            }
          >
            {user.active ? "Deactivate" : "Reactivate"}
            <span className="sr-only"> {user.name}</span>
          </Button>
        )}
      </div>
    </li>
  );
}
