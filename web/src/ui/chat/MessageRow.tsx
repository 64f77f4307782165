import { Check, CircleAlert, Clock3, MessageSquareText } from "lucide-react";
import { type FocusEvent, type KeyboardEvent, lazy, memo, Suspense, useRef, useState } from "react";
import type { TimelineMessage } from "../../core/store";
import { useLongPress, useTouch } from "../lib/hooks";
import { personName, plural } from "../lib/names";
import { usePanel } from "../lib/rooms";
import { clockTime, dayName, fullTime } from "../lib/time";
import { Avatar } from "../parts/Avatar";
import { Button } from "../parts/Button";
import { openOverlay, useUi } from "../state";
import { actions, useStore } from "../store";
import { EditBox } from "./EditBox";
import { MessageBody } from "./MessageBody";
import { editMessage, mayEdit, reactFrom, replyTo } from "./message-verbs";
import { Reactions } from "./Reactions";
import { ReplyContext } from "./ReplyContext";
import { Toolbar } from "./Toolbar";

const LinkedTasks = lazy(() => import("../boards/aside/LinkedTasks"));

interface Props {
  message: TimelineMessage;
  /** The composer that answers go to: the room's, or a thread's. */
  where: string;
  grouped: boolean;
  opensDay: boolean;
  opensUnread: boolean;
  flash: boolean;
  /** The one row that Tab reaches; arrows walk from there. */
  tabStop: boolean;
  /** The newest of one's own: shows that it arrived. */
  showSent: boolean;
  inThread?: boolean;
}

/** One message. Memoised: a new message renders its own row and no other. */
export const MessageRow = memo(function MessageRow(props: Props) {
  const { message, where, grouped, opensDay, opensUnread, flash, tabStop, showSent, inThread = false } = props;
  const author = useStore((state) => state.people[message.author]);
  const editing = useUi((ui) => ui.editing === message.id && !message.deleted);
  const tasks = useStore((state) => state.linked[message.id]);
  const [lively, setLively] = useState(false);
  const touch = useTouch();
  const box = useRef<HTMLElement>(null);
  const name = personName(author);
  const pending = message.delivery !== "sent";
  const quiet = message.deleted || pending || editing;
  const longPress = useLongPress(() => !quiet && openOverlay({ name: "message-menu", message, where }));

  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey || quiet) return;
    const key = event.key.toLowerCase();
    if (key === "r") replyTo(message, where);
    else if (key === "e" && mayEdit(message)) editMessage(message);
    else if (key === "+" && box.current) reactFrom(message, box.current);
    else return;
    event.preventDefault();
  };

  return (
    <>
      {opensDay && <DayLine at={message.created_at} />}
      {opensUnread && <UnreadLine />}
      <article
        ref={box}
        tabIndex={tabStop ? 0 : -1}
        aria-label={`${name}, ${clockTime(message.created_at)}`}
        data-message={message.id}
        data-message-seq={pending ? undefined : message.seq}
        data-delivery={message.delivery}
        className={`group/row relative flex gap-3 px-4 outline-offset-[-2px] md:px-6 ${grouped ? "py-0.5" : "pt-2 pb-0.5"} ${
          flash ? "flash" : lively ? "bg-hover" : ""
        } ${touch ? "select-none [-webkit-touch-callout:none]" : ""}`}
        onMouseEnter={() => setLively(true)}
        onMouseLeave={() => setLively(false)}
        onFocus={() => setLively(true)}
        onBlur={(event: FocusEvent) => !event.currentTarget.contains(event.relatedTarget) && setLively(false)}
        onKeyDown={onKeyDown}
        {...(touch ? longPress : {})}
      >
        <div className="w-9 shrink-0">
          {grouped ? (
            <time
              dateTime={message.created_at}
              title={fullTime(message.created_at)}
              className={`block pt-[3px] text-right text-2xs whitespace-nowrap text-ink-3 tabular-nums ${lively ? "" : "sr-only"}`}
            >
              {clockTime(message.created_at)}
            </time>
          ) : (
            <Avatar user={author} />
          )}
        </div>
        <div className="min-w-0 grow">
          {!grouped && (
            <header className="flex items-baseline gap-2 leading-5">
              <span className="truncate font-semibold">{name}</span>
              {(author?.role === "guest" || author?.role === "client") && (
                <span className="rounded bg-pressed px-1.5 text-2xs font-medium text-ink-2">{author.role}</span>
              )}
              <time
                dateTime={message.created_at}
                title={fullTime(message.created_at)}
                className="shrink-0 text-xs text-ink-3 tabular-nums"
              >
                {clockTime(message.created_at)}
              </time>
            </header>
          )}
          {message.reply_to !== null && !grouped && !inThread && (
            <ReplyContext room={message.room} root={message.reply_to} />
          )}
          {editing ? <EditBox message={message} /> : <MessageBody message={message} />}
          {message.delivery === "failed" && <Failed message={message} />}
          {message.reactions.length > 0 && !message.deleted && <Reactions message={message} />}
          {tasks && (
            <Suspense>
              <LinkedTasks tasks={tasks} />
            </Suspense>
          )}
          {message.replies > 0 && !inThread && <Replies message={message} />}
        </div>
        <DeliverySign delivery={message.delivery} show={showSent} />
        {lively && !touch && !quiet && <Toolbar message={message} where={where} inThread={inThread} />}
      </article>
    </>
  );
});

function DayLine({ at }: { at: string }) {
  return (
    <div className="flex items-center gap-3 px-4 pt-4 pb-1 md:px-6">
      <span className="h-px grow bg-line" />
      <span className="text-xs font-medium text-ink-3">{dayName(at)}</span>
      <span className="h-px grow bg-line" />
    </div>
  );
}

function UnreadLine() {
  return (
    <div className="flex items-center gap-3 px-4 pt-2 pb-0.5 md:px-6" data-testid="unread-line">
      <span className="h-px grow bg-accent opacity-60" />
      <span className="text-xs font-semibold text-accent-ink">New</span>
    </div>
  );
}

function DeliverySign({ delivery, show }: { delivery: TimelineMessage["delivery"]; show: boolean }) {
  if (delivery === "sending") {
    return (
      <span className="mt-auto mb-1 shrink-0 text-ink-3" title="Sending">
        <Clock3 size={14} aria-hidden="true" />
        <span className="sr-only">Sending</span>
      </span>
    );
  }
  if (delivery === "sent" && show) {
    return (
      <span className="mt-auto mb-1 shrink-0 text-accent-ink" title="Sent">
        <Check size={14} aria-hidden="true" />
        <span className="sr-only">Sent</span>
      </span>
    );
  }
  return null;
}

function Failed({ message }: { message: TimelineMessage }) {
  const { key } = message;
  return (
    <div role="alert" className="mt-1 flex flex-wrap items-center gap-2 text-sm text-danger-ink">
      <CircleAlert size={16} className="shrink-0" aria-hidden="true" />
      <span>Not sent. {message.error}</span>
      {key !== undefined && (
        <span className="flex gap-2">
          <Button small onClick={() => actions.retry(key)}>
            Retry
          </Button>
          <Button small look="quiet" onClick={() => actions.discard(key)}>
            Discard
          </Button>
        </span>
      )}
    </div>
  );
}

function Replies({ message }: { message: TimelineMessage }) {
  const [, setPanel] = usePanel();
  return (
    <button
      type="button"
      onClick={() => setPanel({ name: "thread", root: message.id })}
      className="mt-1 -ml-1.5 flex h-6 items-center gap-1.5 rounded-md px-1.5 text-sm font-medium text-accent-ink hover:bg-accent-soft coarse:h-9"
    >
      <MessageSquareText size={16} strokeWidth={1.75} aria-hidden="true" />
      {plural(message.replies, "reply", "replies")}
    </button>
  );
}
