import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Link } from "wouter";
import type { Entry, Id } from "../../../core/wire";
import { clockTime, dayName, dayNumber, fullTime } from "../../lib/time";
import { Avatar } from "../../parts/Avatar";
import { Button } from "../../parts/Button";
import { attempt, messageOf } from "../../state";
import { byName } from "../index/use-index";
import { type ActivityLine, isHousekeeping } from "../parts/activity";
import { useAssignable, useBoardPeople } from "../parts/people";
import { useActivity } from "../parts/use-activity";
import { taskPath } from "../paths";
import { boardActions } from "../store";
import type { SectionProps } from "./BoardSettings";

/** What happened on the board, newest first, also while one looks. */
export default function Activity({ board, data }: SectionProps) {
  const people = useAssignable(board);
  const [actor, setActor] = useState("");
  const sorted = useMemo(() => [...people].sort(byName), [people]);
  return (
    <section className="py-6">
      <div className="flex flex-wrap items-center gap-3">
        <p className="min-w-48 grow basis-0 text-sm text-ink-2">What happened here, as far back as it is kept.</p>
        <select
          value={actor}
          onChange={(event) => setActor(event.target.value)}
          aria-label="By whom"
          className="h-8 max-w-48 rounded-md bg-hover pr-7 pl-2.5 text-sm text-ink-2 coarse:h-10"
        >
          <option value="">By everybody</option>
          {sorted.map((user) => (
            <option key={user.id} value={user.id}>
              By {user.name}
            </option>
          ))}
        </select>
      </div>
      <Feed key={actor} board={board} actor={actor || undefined} version={data} />
    </section>
  );
}

interface FeedProps {
  board: Id;
  actor: Id | undefined;
  /** Another object whenever something happened. */
  version: object;
}

type Happened = Awaited<ReturnType<typeof boardActions.activity>>;

const GATHER_MS = 700;
const NOTHING: Entry[] = [];

function Feed({ board, actor, version }: FeedProps) {
  const [page, setPage] = useState<Happened | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const started = useRef(false);
  const lines = useActivity(board, page?.items ?? NOTHING);

  const refresh = useCallback(async () => {
    try {
      const fresh = await boardActions.activity(board, undefined, actor);
      started.current = true;
      setError(null);
      setPage((old) => inFront(fresh, old));
    } catch (failure) {
      setError(messageOf(failure));
    }
  }, [board, actor]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever something happened
  useEffect(() => {
    const timer = setTimeout(refresh, started.current ? GATHER_MS : 0);
    return () => clearTimeout(timer);
  }, [refresh, version]);

  const older = async (cursor: string) => {
    setBusy(true);
    await attempt(async () => {
      const more = await boardActions.activity(board, cursor, actor);
      setPage((old) => ({ ...more, items: [...(old?.items ?? []), ...more.items] }));
    });
    setBusy(false);
  };

  if (!page) {
    if (error) {
      return (
        <div role="alert" className="flex flex-col items-start gap-3 py-6 text-ink-2">
          <p>{error}</p>
          <Button onClick={refresh}>Try again</Button>
        </div>
      );
    }
    return <div aria-busy="true" className="skeleton mt-4 h-24" />;
  }
  const shown = lines.filter((line) => !isHousekeeping(line.entry));
  return (
    <>
      {byDay(shown).map(({ day, lines: own }) => (
        <section key={day} aria-label={dayName(own[0]?.entry.at ?? "")}>
          <h2 className="mt-6 mb-1 border-b border-line pb-2 text-sm">{dayName(own[0]?.entry.at ?? "")}</h2>
          <ol>
            {own.map((line) => (
              <Line key={line.entry.seq} board={board} line={line} />
            ))}
          </ol>
        </section>
      ))}
      {shown.length === 0 && !page.next && (
        <p className="mt-4 border-y border-line py-4 text-ink-3">Nothing is kept of what happened.</p>
      )}
      <Older next={page.next} busy={busy} onShow={older} />
    </>
  );
}

function Line({ board, line: { entry, parts } }: { board: Id; line: ActivityLine }) {
  const who = useMemo(() => [entry.actor], [entry.actor]);
  const [actor] = useBoardPeople(board, who);
  return (
    <li className="flex min-h-10 items-start gap-3 py-2" data-kind={entry.kind}>
      <span className="pt-0.5">
        <Avatar user={actor} size="xs" />
      </span>
      <p className="min-w-0 grow text-sm leading-6 text-ink-2 [overflow-wrap:anywhere]">
        {parts.map((part, index) =>
          part.task ? (
            <Link
              key={part.task}
              href={taskPath(board, part.task)}
              className="rounded font-medium text-ink hover:underline"
            >
              {part.text}
            </Link>
          ) : (
            <span key={part.text} className={index === 0 ? "font-medium text-ink" : undefined}>
              {part.text}
            </span>
          ),
        )}
      </p>
      <time
        dateTime={entry.at}
        title={fullTime(entry.at)}
        className="shrink-0 text-xs leading-6 text-ink-3 tabular-nums"
      >
        {clockTime(entry.at)}
      </time>
    </li>
  );
}

function Older({ next, busy, onShow }: { next: string | null; busy: boolean; onShow: (cursor: string) => void }) {
  if (next === null) return null;
  return (
    <Button className="mt-4" busy={busy} onClick={() => onShow(next)}>
      Show older
    </Button>
  );
}

/** A fresh first page in front of what was there; alone where a hole would be between them. */
function inFront(fresh: Happened, old: Happened | null): Happened {
  const newest = old?.items[0]?.seq ?? 0;
  if (!old || (fresh.next !== null && !fresh.items.some((entry) => entry.seq <= newest))) return fresh;
  return { ...old, items: [...fresh.items.filter((entry) => entry.seq > newest), ...old.items] };
}

function byDay(lines: ActivityLine[]): { day: number; lines: ActivityLine[] }[] {
  const days: { day: number; lines: ActivityLine[] }[] = [];
  for (const line of lines) {
    const day = dayNumber(line.entry.at);
    const last = days.at(-1);
    if (last?.day === day) last.lines.push(line);
    else days.push({ day, lines: [line] });
  }
  return days;
}
