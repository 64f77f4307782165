import { ListFilter, Search, X } from "lucide-react";
import { type ReactElement, useEffect, useMemo, useRef, useState } from "react";
import type { Id } from "../../../core/wire";
import { listNames } from "../../lib/names";
import { tip } from "../../parts/tip";
import { PickerPopover } from "../parts/Picker";
import { useBoards } from "../store";
import { FilterMenu } from "./FilterMenu";
import { countFilters, type FilterName, NO_FILTERS } from "./model";
import { KINDS, useOptions } from "./options";
import { useFilters, useMatch } from "./use-filters";

/** Which tasks of the board are shown, as chips that can be changed and removed; all of it is in the address. */
export function FilterBar({ board }: { board: Id }) {
  const [filters, change] = useFilters();
  const used = (Object.keys(KINDS) as FilterName[]).filter((kind) => filters[kind].length > 0);
  return (
    <search aria-label="Filter tasks" className="flex min-w-0 flex-wrap items-center gap-2" data-testid="filters">
      <TextFilter value={filters.text} onChange={(text) => change({ text })} />
      {used.map((kind) => (
        <Chip key={kind} board={board} kind={kind} />
      ))}
      <Choices
        board={board}
        only={null}
        trigger={
          <button
            type="button"
            className="inline-flex h-8 items-center gap-1.5 rounded-md px-2.5 text-sm font-medium text-ink-2 transition-colors hover:bg-hover hover:text-ink data-popup-open:bg-hover data-popup-open:text-ink coarse:h-10"
          >
            <ListFilter size={16} strokeWidth={1.75} aria-hidden="true" />
            Filter
          </button>
        }
      />
      {countFilters(filters) > 0 && (
        <>
          <button
            type="button"
            onClick={() => change(NO_FILTERS)}
            className="h-8 rounded-md px-2 text-sm text-ink-3 transition-colors hover:bg-hover hover:text-ink max-sm:order-1 coarse:h-10"
          >
            Clear<span className="sr-only"> all filters</span>
          </button>
          <Count board={board} />
        </>
      )}
    </search>
  );
}

const PAUSE_MS = 120;

function TextFilter({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const [text, setText] = useState(value);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  // The address may change by other means: a link, "Clear", walking back.
  useEffect(() => setText(value), [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const type = (next: string, pause: number) => {
    setText(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => onChange(next), pause);
  };
  return (
    <span className="relative inline-flex w-44 min-w-0 max-sm:grow">
      <Search
        size={16}
        strokeWidth={1.75}
        aria-hidden="true"
        className="pointer-events-none absolute top-1/2 left-2.5 -translate-y-1/2 text-ink-3"
      />
      <input
        type="search"
        value={text}
        maxLength={200}
        onChange={(event) => type(event.target.value, PAUSE_MS)}
        onKeyDown={(event) => {
          if (event.key !== "Escape" || text === "") return;
          event.stopPropagation();
          type("", 0);
        }}
        placeholder="Find tasks"
        aria-label="Words in the title"
        className="h-8 w-full rounded-md bg-hover pr-2 pl-8 text-sm placeholder:text-ink-3 focus:bg-field focus:outline-2 focus:outline-accent coarse:h-10 coarse:text-[16px]"
      />
    </span>
  );
}

function Chip({ board, kind }: { board: Id; kind: FilterName }) {
  const [filters, change] = useFilters();
  const options = useOptions(board)[kind];
  const { name } = KINDS[kind];
  const texts = (filters[kind] as string[]).map(
    (value) => options.find((option) => option.value === value)?.text ?? "unknown",
  );
  const words = texts.length > 2 ? `${texts.length} chosen` : listNames(texts).replace(" and ", " or ");
  return (
    <span
      className="inline-flex h-8 max-w-full items-stretch max-sm:order-1 overflow-hidden rounded-md bg-accent-soft text-sm text-accent-ink coarse:h-10"
      data-filter={kind}
    >
      <Choices
        board={board}
        only={kind}
        trigger={
          <button type="button" className="min-w-0 truncate rounded-l-md pr-1 pl-2.5 -outline-offset-2 hover:bg-hover">
            {name}: <span className="font-medium">{words}</span>
          </button>
        }
      />
      <button
        type="button"
        aria-label={`Remove the filter by ${name.toLowerCase()}`}
        {...tip("Remove")}
        onClick={() => change({ [kind]: [] })}
        className="inline-flex w-7 shrink-0 items-center justify-center rounded-r-md -outline-offset-2 hover:bg-hover coarse:w-9"
      >
        <X size={14} aria-hidden="true" />
      </button>
    </span>
  );
}

interface ChoicesProps {
  board: Id;
  only: FilterName | null;
  trigger: ReactElement<Record<string, unknown>>;
}

function Choices({ board, only, trigger }: ChoicesProps) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <PickerPopover
      label={only ? `Filter by ${KINDS[only].name.toLowerCase()}` : "Add a filter"}
      trigger={trigger}
      initialFocus={field}
    >
      {() => <FilterMenu board={board} only={only} field={field} />}
    </PickerPopover>
  );
}

function Count({ board }: { board: Id }) {
  const fits = useMatch(board);
  const tasks = useBoards((state) => state.boards[board]?.data?.tasks);
  const { shown, all } = useMemo(() => {
    const cards = Object.values(tasks ?? {});
    return { shown: fits ? cards.filter(fits).length : cards.length, all: cards.length };
  }, [tasks, fits]);
  return (
    <output className="ml-auto text-xs max-sm:order-1 whitespace-nowrap text-ink-3 tabular-nums">
      {shown.toLocaleString()} of {all.toLocaleString()}
      <span className="sr-only"> tasks</span>
    </output>
  );
}
