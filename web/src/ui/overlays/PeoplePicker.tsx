import { Check } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useId, useMemo, useState } from "react";
import type { Id, User } from "../../core/wire";
import { fold, matches } from "../lib/names";
import { Avatar } from "../parts/Avatar";
import { ICON } from "../parts/icon";
import { useStore } from "../store";

interface Props {
  /** Who may be chosen. */
  among: (user: User) => boolean;
  chosen: Id[];
  onChange: (chosen: Id[]) => void;
  label: string;
  nobody: ReactNode;
}

/** A search field over a list of people to tick. The focus stays in the field; arrows and Enter work on the list. */
export function PeoplePicker({ among, chosen, onChange, label, nobody }: Props) {
  const people = useStore((state) => state.people);
  const online = useStore((state) => state.online);
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const id = useId();
  const found = useMemo(
    () =>
      Object.values(people)
        .filter(
          (user) => user.active && among(user) && (query.trim() === "" || matches(`${user.name} ${user.title}`, query)),
        )
        .sort((a, b) => fold(a.name).localeCompare(fold(b.name))),
    [people, among, query],
  );
  const current = Math.min(at, found.length - 1);
  const toggle = (user: User | undefined) => {
    if (!user) return;
    onChange(chosen.includes(user.id) ? chosen.filter((one) => one !== user.id) : [...chosen, user.id]);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown") setAt(Math.min(current + 1, found.length - 1));
    else if (event.key === "ArrowUp") setAt(Math.max(current - 1, 0));
    else if (event.key === "Enter" && found.length > 0) {
      toggle(found[current]);
      setQuery("");
    } else return;
    event.preventDefault();
  };
  return (
    <div className="flex min-h-0 flex-col">
      <input
        type="search"
        value={query}
        onChange={(event) => {
          setQuery(event.target.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
        aria-label={label}
        placeholder={label}
        role="combobox"
        aria-expanded
        aria-controls={`${id}-list`}
        aria-activedescendant={found.length ? `${id}-${current}` : undefined}
        className="h-9 w-full shrink-0 rounded-md bg-field px-3 shadow-[inset_0_0_0_1px_var(--line-strong)] placeholder:text-ink-3 focus:outline-2 focus:outline-accent coarse:h-11 coarse:text-[16px]"
      />
      <div
        id={`${id}-list`}
        role="listbox"
        aria-label="People"
        aria-multiselectable
        tabIndex={-1}
        className="mt-2 -mr-3 h-72 overflow-y-auto pr-3"
      >
        {found.map((user, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field above handles the keys
          // biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus and names the active option
          <div
            key={user.id}
            id={`${id}-${index}`}
            role="option"
            aria-selected={chosen.includes(user.id)}
            onMouseMove={() => setAt(index)}
            onMouseDown={(event) => event.preventDefault()}
            onClick={() => toggle(user)}
            className={`flex min-h-11 cursor-pointer items-center gap-3 rounded-md px-2 py-1 ${index === current ? "bg-hover" : ""}`}
          >
            <Avatar user={user} online={online[user.id] === true} on="var(--raised)" />
            <span className="min-w-0 grow">
              <span className="block truncate leading-5 font-medium">{user.name}</span>
              <span className="block truncate text-sm leading-5 text-ink-3">{user.title || user.role}</span>
            </span>
            {chosen.includes(user.id) && <Check {...ICON} className="shrink-0 text-accent-ink" />}
          </div>
        ))}
      </div>
      {found.length === 0 && <p className="-mt-64 px-2 pb-52 text-sm text-ink-3">{nobody}</p>}
    </div>
  );
}
