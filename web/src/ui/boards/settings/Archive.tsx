import { useCallback, useEffect, useState } from "react";
import { Link } from "wouter";
import type { BoardList, Card } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { useSettled } from "../../lib/hooks";
import { briefTime } from "../../lib/time";
import { Button } from "../../parts/Button";
import { attempt, messageOf } from "../../state";
import { StatusMark } from "../parts/StatusMark";
import { taskPath } from "../paths";
import { boardActions } from "../store";
import type { SectionProps } from "./BoardSettings";

const PAGE = 50;
const PAUSE_MS = 200;

/** What was put away from the board, to find and to bring back. */
export default function Archive({ board, data, editable }: SectionProps) {
  return (
    <>
      <ArchivedTasks board={board} data={data} editable={editable} />
      <ArchivedLists board={board} editable={editable} />
    </>
  );
}

function ArchivedTasks({ board, data, editable }: SectionProps) {
  const [text, setText] = useState("");
  const asked = useSettled(text.trim(), PAUSE_MS);
  const { items, error, load, drop } = useFound(
    useCallback(() => boardActions.findTasks(board, asked, true), [board, asked]),
  );
  const restore = async (card: Card) => {
    if (await attempt(() => boardActions.restoreTask(board, card.id), `${card.title} is back.`)) drop(card.id);
  };
  const listOf = (card: Card) => data.lists.find((list) => list.id === card.list)?.name;
  return (
    <section className="py-6">
      <div className="flex flex-wrap items-center gap-3">
        <h2 className="grow text-lg">Tasks</h2>
        <input
          type="search"
          value={text}
          maxLength={200}
          onChange={(event) => setText(event.target.value)}
          placeholder="Find archived tasks"
          aria-label="Find archived tasks"
          className="h-9 w-64 rounded-md bg-hover px-3 text-sm placeholder:text-ink-3 focus:bg-field focus:outline-2 focus:outline-accent max-sm:w-full coarse:h-11 coarse:text-[16px]"
        />
      </div>
      <Found
        items={items}
        error={error}
        load={load}
        nothing={asked ? "No archived task has these words." : "No task was archived."}
      >
        {(card) => (
          <li key={card.id} className="flex min-h-14 items-center gap-3 py-2" data-task={card.id}>
            <div className="min-w-0 grow">
              <Link
                href={taskPath(board, card.id)}
                className="block truncate rounded font-medium hover:underline focus-visible:-outline-offset-2"
              >
                {card.title}
              </Link>
              <p className="truncate text-sm leading-5 text-ink-3">
                {listOf(card) ? `In ${listOf(card)}, ` : "In an archived list, "}
                {briefTime(card.changed_at)}
              </p>
            </div>
            {editable && (
              <Button small onClick={() => restore(card)} aria-label={`Restore ${card.title}`}>
                Restore
              </Button>
            )}
          </li>
        )}
      </Found>
      {items?.length === PAGE && (
        <p className="mt-3 text-sm text-ink-3">These are the {PAGE} that changed last. Words find the others.</p>
      )}
    </section>
  );
}

function ArchivedLists({ board, editable }: { board: Id; editable: boolean }) {
  const { items, error, load, drop } = useFound(useCallback(() => boardActions.archivedLists(board), [board]));
  const restore = async (list: BoardList) => {
    if (await attempt(() => boardActions.restoreList(list.id), `${list.name} is back.`)) drop(list.id);
  };
  return (
    <section className="py-6">
      <h2 className="text-lg">Lists</h2>
      <Found items={items} error={error} load={load} nothing="No list was archived.">
        {(list) => (
          <li key={list.id} className="flex min-h-12 items-center gap-3 py-2" data-list={list.id}>
            <StatusMark status={list.status} />
            <span className="min-w-0 grow truncate font-medium">{list.name}</span>
            {editable && (
              <Button small onClick={() => restore(list)} aria-label={`Restore ${list.name}`}>
                Restore
              </Button>
            )}
          </li>
        )}
      </Found>
    </section>
  );
}

/** What `find` gives, asked for anew when it is another; the last answer asked for counts. */
function useFound<T extends { id: Id }>(find: () => Promise<T[]>) {
  const [items, setItems] = useState<T[] | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [turn, setTurn] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another turn asks again
  useEffect(() => {
    let current = true;
    setError(null);
    find().then(
      (found) => current && setItems(found),
      (failure) => current && setError(messageOf(failure)),
    );
    return () => {
      current = false;
    };
  }, [find, turn]);
  const load = () => setTurn((before) => before + 1);
  const drop = (id: Id) => setItems((all) => all?.filter((one) => one.id !== id) ?? null);
  return { items, error, load, drop };
}

interface FoundProps<T> {
  items: T[] | null;
  error: string | null;
  load: () => void;
  nothing: string;
  children: (item: T) => React.ReactNode;
}

function Found<T>({ items, error, load, nothing, children }: FoundProps<T>) {
  if (error) {
    return (
      <div role="alert" className="mt-3 flex flex-wrap items-center gap-3 border-y border-line py-3 text-ink-2">
        <p className="grow">{error}</p>
        <Button small onClick={load}>
          Try again
        </Button>
      </div>
    );
  }
  if (!items) return <div aria-busy="true" className="skeleton mt-3 h-12" />;
  if (items.length === 0) return <p className="mt-3 border-y border-line py-4 text-ink-3">{nothing}</p>;
  return <ul className="mt-3 divide-y divide-line border-y border-line">{items.map(children)}</ul>;
}
