import { useMemo, useRef, useState } from "react";
import type { Id } from "../../../core/wire";
import { fold, matches } from "../../lib/names";
import { Avatar } from "../../parts/Avatar";
import { useStore } from "../../store";
import { PickerPopover, type PickerProps } from "./Picker";
import { useAssignable } from "./people";
import { SearchList } from "./SearchList";

interface Props extends PickerProps {
  board: Id;
  chosen: readonly Id[];
  onChange: (chosen: Id[]) => void;
}

/** Who does a task, among those who may see its board. */
export function AssigneePicker({ board, chosen, onChange, ...picker }: Props) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <PickerPopover {...picker} label="People" initialFocus={field}>
      {() => <People board={board} chosen={chosen} onChange={onChange} field={field} />}
    </PickerPopover>
  );
}

function People({
  board,
  chosen,
  onChange,
  field,
}: Pick<Props, "board" | "chosen" | "onChange"> & { field: React.RefObject<HTMLInputElement | null> }) {
  const people = useAssignable(board);
  const me = useStore((state) => state.me?.id);
  const [query, setQuery] = useState("");
  const [first] = useState(chosen);
  const options = useMemo(() => {
    const rank = (id: Id) => (first.includes(id) ? 0 : id === me ? 1 : 2);
    return people
      .filter((user) => query.trim() === "" || matches(`${user.name} ${user.title}`, query))
      .sort((a, b) => rank(a.id) - rank(b.id) || fold(a.name).localeCompare(fold(b.name)))
      .map((user) => ({
        id: user.id,
        name: user.name,
        detail: user.id === me ? "you" : user.title,
        mark: <Avatar user={user} size="xs" />,
      }));
  }, [people, query, first, me]);
  return (
    <SearchList
      field={field}
      label="People"
      placeholder="Find somebody"
      query={query}
      onQuery={setQuery}
      options={options}
      chosen={chosen}
      onToggle={(id) => {
        onChange(chosen.includes(id) ? chosen.filter((one) => one !== id) : [...chosen, id]);
        setQuery("");
      }}
      nothing="Nobody on this board has that name."
    />
  );
}
