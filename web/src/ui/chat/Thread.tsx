import { MessageSquareOff } from "lucide-react";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Id, RoomView } from "../../core/wire";
import { plural } from "../lib/names";
import { buildRows } from "../lib/rows";
import { Button } from "../parts/Button";
import { Empty } from "../parts/Empty";
import { messageOf } from "../state";
import { actions, useStore } from "../store";
import { Composer } from "./Composer";
import { MessageRow } from "./MessageRow";
import { PanelFrame } from "./SidePanel";

/** A message and everything that answers it. */
export function Thread({ room, root }: { room: RoomView; root: Id }) {
  const messages = useStore((state) => state.threads[root]);
  const me = useStore((state) => state.me?.id);
  const [error, setError] = useState<string | null>(null);
  const [tries, setTries] = useState(0);
  const scroller = useRef<HTMLDivElement>(null);
  const where = `thread:${root}`;

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new try asks again
  useEffect(() => {
    setError(null);
    actions.openThread(root).catch((failure: unknown) => setError(messageOf(failure)));
  }, [root, tries]);

  const count = messages?.length ?? 0;
  // biome-ignore lint/correctness/useExhaustiveDependencies: an answer more keeps the end in view
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element) element.scrollTop = element.scrollHeight;
  }, [count]);

  const rows = useMemo(
    () => (messages ? buildRows(messages, { me, unreadFrom: null, knowsStart: true }) : []),
    [messages, me],
  );
  const last = messages?.at(-1);
  const writable = room.joined && !room.archived;
  return (
    <PanelFrame title="Thread">
      {messages === undefined && error === null && <div className="grow" aria-busy="true" />}
      {error !== null && count === 0 && (
        <div className="m-auto">
          <Empty icon={MessageSquareOff} title="The thread did not load" text={error}>
            <Button look="primary" onClick={() => setTries(tries + 1)}>
              Try again
            </Button>
          </Empty>
        </div>
      )}
      {count > 0 && (
        <div
          ref={scroller}
          role="feed"
          aria-label="Messages in the thread"
          data-testid="thread"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
          tabIndex={0}
          className="min-h-0 grow overflow-x-hidden overflow-y-auto pb-3 outline-offset-[-2px]"
        >
          {rows.map((row, index) => (
            <div key={row.key}>
              <MessageRow
                message={row.message}
                where={where}
                grouped={row.grouped && index > 1}
                opensDay={row.opensDay}
                opensUnread={false}
                flash={false}
                tabStop={index === rows.length - 1}
                showSent={row.message === last && last.author === me}
                inThread
              />
              {index === 0 && <AnswerCount count={count - 1} />}
            </div>
          ))}
        </div>
      )}
      {writable && count > 0 && <Composer room={room} where={where} root={root} />}
    </PanelFrame>
  );
}

function AnswerCount({ count }: { count: number }) {
  return (
    <div className="flex items-center gap-3 px-4 pt-3 pb-1 text-xs text-ink-3 md:px-6">
      {count === 0 ? "No replies yet" : plural(count, "reply", "replies")}
      <span className="h-px grow bg-line" />
    </div>
  );
}
