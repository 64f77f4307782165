import { Activity, type LucideIcon, MessageSquare, SquareKanban, Users } from "lucide-react";
import { Link, useLocation, useRoute } from "wouter";
import { initials } from "../lib/names";
import { isAdmin, isInside } from "../lib/rooms";
import { Avatar } from "../parts/Avatar";
import { ICON } from "../parts/icon";
import { useUi } from "../state";
import { useStore } from "../store";

/** The sections of the workspace: at the left, or below on a phone. */
export function Rail({ bottom }: { bottom: boolean }) {
  const workspace = useStore((state) => state.workspace);
  const inside = useStore(isInside);
  const admin = useStore(isAdmin);
  const guest = useStore((state) => state.me?.role === "guest");
  const waiting = useStore((state) => Object.values(state.rooms).some((room) => room.joined && room.unread > 0));
  const [atHome] = useRoute("/");
  const [inRoom] = useRoute("/r/*?");
  const [atBoards] = useRoute("/boards/*?");
  const [atPeople] = useRoute("/people");
  const [atOperations] = useRoute("/operations");
  const chat = useLastChat();
  return (
    <nav
      aria-label="Sections"
      className={
        bottom
          ? "flex shrink-0 items-stretch justify-around border-t border-line bg-rail pb-[env(safe-area-inset-bottom)]"
          : "flex w-16 shrink-0 flex-col items-center gap-1 border-r border-line bg-rail py-3"
      }
    >
      {!bottom && (
        <span
          className="mb-3 inline-flex size-9 items-center justify-center rounded-lg bg-accent text-sm font-semibold text-on-accent"
          title={workspace?.name}
          aria-hidden="true"
        >
          {initials(workspace?.name ?? "H")}
        </span>
      )}
      <RailLink
        to={bottom ? "/" : chat}
        icon={MessageSquare}
        label="Chat"
        current={atHome || inRoom}
        dot={waiting}
        bottom={bottom}
      />
      {!guest && <RailLink to="/boards" icon={SquareKanban} label="Boards" current={atBoards} bottom={bottom} />}
      {inside && <RailLink to="/people" icon={Users} label="People" current={atPeople} bottom={bottom} />}
      {admin && <RailLink to="/operations" icon={Activity} label="Operations" current={atOperations} bottom={bottom} />}
      {!bottom && <span className="grow" />}
      <Me bottom={bottom} />
    </nav>
  );
}

/** Where "Chat" leads: the room one was in. */
function useLastChat(): string {
  const [path] = useLocation();
  return path.startsWith("/r/") ? path : "/";
}

interface RailLinkProps {
  to: string;
  icon: LucideIcon;
  label: string;
  current: boolean;
  dot?: boolean;
  bottom: boolean;
}

function RailLink({ to, icon: Icon, label, current, dot = false, bottom }: RailLinkProps) {
  return (
    <Link
      href={to}
      aria-current={current ? "page" : undefined}
      className={`relative flex flex-col items-center justify-center gap-0.5 rounded-lg text-2xs font-medium tracking-tight transition-colors ${
        bottom ? "min-h-14 grow" : "h-12 w-14"
      } ${current ? "text-accent-ink" : "text-ink-2 hover:text-ink"}`}
    >
      <span className={`relative rounded-lg px-2.5 py-1 ${current ? "bg-accent-soft" : ""}`}>
        <Icon {...ICON} />
        {dot && !current && (
          <span className="absolute top-0.5 right-1.5 size-2 rounded-full border-2 border-rail bg-accent box-content" />
        )}
      </span>
      {label}
    </Link>
  );
}

function Me({ bottom }: { bottom: boolean }) {
  const me = useStore((state) => state.me);
  const online = useStore((state) => state.connection.state === "online");
  const open = useUi((ui) => ui.userMenu !== null);
  return (
    <button
      type="button"
      aria-haspopup="menu"
      aria-expanded={open}
      onClick={(event) => useUi.setState({ userMenu: event.currentTarget })}
      className={`flex flex-col items-center justify-center gap-0.5 rounded-lg text-2xs font-medium text-ink-2 ${bottom ? "min-h-14 grow" : "size-12"}`}
    >
      <Avatar user={me ?? undefined} size={bottom ? "sm" : "md"} online={online} on="var(--rail)" />
      {bottom && <span aria-hidden="true">You</span>}
      <span className="sr-only">Your menu</span>
    </button>
  );
}
