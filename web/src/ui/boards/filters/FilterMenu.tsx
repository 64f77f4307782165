import { type KeyboardEvent, type RefObject, useState } from "react";
import type { Id } from "../../../core/wire";
import { matches } from "../../lib/names";
import { ICON } from "../../parts/icon";
import { SearchList, type SearchOption } from "../parts/SearchList";
import type { FilterName, Filters } from "./model";
import { KINDS, useOptions } from "./options";
import { useFilters } from "./use-filters";

interface Props {
  board: Id;
  /** Whose values are shown, and no others; null offers all kinds. */
  only: FilterName | null;
  field: RefObject<HTMLInputElement | null>;
}

const ALL = Object.keys(KINDS) as FilterName[];

/** The kinds of filters, and once one is chosen or words are typed their values, to be ticked. */
export function FilterMenu({ board, only, field }: Props) {
  const [filters, change] = useFilters();
  const values = useOptions(board);
  const [kind, setKind] = useState(only);
  const [query, setQuery] = useState("");
  const asked = query.trim() !== "";

  const shown: FilterName[] = kind ? [kind] : asked ? ALL : [];
  const options: SearchOption[] = shown
    .flatMap((name) =>
      values[name].map(({ value, text, mark }) => ({
        id: `${name}/${value}`,
        name: text,
        mark,
        ...(!kind && { detail: KINDS[name].name }),
      })),
    )
    .filter(({ name, detail }) => !asked || matches(`${name} ${detail ?? ""}`, query));
  if (shown.length === 0) {
    for (const name of ALL) {
      const { name: text, icon: Icon } = KINDS[name];
      options.push({ id: name, name: text, mark: <Icon {...ICON} className="shrink-0 text-ink-2" /> });
    }
  }

  const toggle = (id: string) => {
    const [name, value] = id.split("/") as [FilterName, string | undefined];
    if (value === undefined) setKind(name);
    else change(toggled(filters, name, value));
    setQuery("");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Backspace" && query === "") setKind(only);
  };
  const label = kind ? KINDS[kind].name : "Filter by";
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the field in it is what one types in
    <div onKeyDown={onKeyDown} className="contents">
      <SearchList
        key={kind}
        field={field}
        label={label}
        placeholder={`${label}…`}
        query={query}
        onQuery={setQuery}
        options={options}
        chosen={shown.flatMap((name) => filters[name].map((value) => `${name}/${value}`))}
        onToggle={toggle}
        nothing={kind === "label" && !asked ? "This board has no labels yet." : "Nothing by that name."}
      />
    </div>
  );
}

function toggled(filters: Filters, name: FilterName, value: string): Partial<Filters> {
  const chosen: string[] = filters[name];
  return { [name]: chosen.includes(value) ? chosen.filter((one) => one !== value) : [...chosen, value] };
}
