import { useMemo } from "react";
import type { Entry, Id } from "../../../core/wire";
import { briefTime, fullTime } from "../../lib/time";
import { Avatar } from "../../parts/Avatar";
import { type ActivityLine, sentenceOf } from "../parts/activity";
import { useBoardPeople } from "../parts/people";
import { useActivity } from "../parts/use-activity";
import { boardActions } from "../store";
import { More } from "./More";

interface Props {
  board: Id;
  task: Id;
  activity: Entry[];
  more: boolean;
}

/** What happened to the task, newest first. Comments are beside it. */
export function History({ board, task, activity, more }: Props) {
  const lines = useActivity(board, activity, task);
  const shown = useMemo(() => withoutEchoes(lines.filter((line) => !line.entry.kind.startsWith("comment."))), [lines]);
  return (
    <>
      {shown.length === 0 && <p className="py-2 text-sm text-ink-3">Nothing is kept of what happened.</p>}
      <ol className="grid gap-1">
        {shown.map((line) => (
          <Line key={line.entry.seq} board={board} line={line} />
        ))}
      </ol>
      {more && <More what="Show older changes" load={() => boardActions.loadOlderActivity(task)} />}
    </>
  );
}

function Line({ board, line }: { board: Id; line: ActivityLine }) {
  const { entry, parts } = line;
  const [actor] = useBoardPeople(board, [entry.actor]);
  const [who, ...rest] = parts;
  return (
    <li className="flex min-h-7 items-start gap-2.5 py-1 text-sm">
      <Avatar user={actor} size="xs" />
      <p className="min-w-0 grow text-ink-2 [overflow-wrap:anywhere]">
        <span className="font-medium text-ink">{who?.text}</span>
        {rest.map((part) => part.text).join("")}
        <time dateTime={entry.at} title={fullTime(entry.at)} className="ml-2 text-xs whitespace-nowrap text-ink-3">
          {briefTime(entry.at)}
        </time>
      </p>
    </li>
  );
}

const ECHO_MS = 3_600_000;

/** Of the same said again within the hour only the last. */
function withoutEchoes(lines: ActivityLine[]): ActivityLine[] {
  return lines.filter((line, index) => {
    const later = lines[index - 1];
    if (!later || sentenceOf(later) !== sentenceOf(line)) return true;
    return Date.parse(later.entry.at) - Date.parse(line.entry.at) > ECHO_MS;
  });
}
