import { CornerUpLeft } from "lucide-react";
import type { TimelineMessage } from "../../core/store";
import type { Id } from "../../core/wire";
import { personName } from "../lib/names";
import { excerpt } from "../lib/rich";
import { usePanel } from "../lib/rooms";
import { useStore } from "../store";

const indexes = new WeakMap<TimelineMessage[], Map<Id, TimelineMessage>>();

/** A loaded message by its id; the index is made once per version of the list. */
function find(messages: TimelineMessage[] | undefined, id: Id): TimelineMessage | undefined {
  if (!messages) return undefined;
  let index = indexes.get(messages);
  if (!index) {
    index = new Map(messages.map((message) => [message.id, message]));
    indexes.set(messages, index);
  }
  return index.get(id);
}

export function useLoadedMessage(room: Id, id: Id | null | undefined): TimelineMessage | undefined {
  return useStore((state) => (id ? (find(state.timelines[room]?.messages, id) ?? state.threads[id]?.[0]) : undefined));
}

/** What a message answers, in one line; opens the thread. */
export function ReplyContext({ room, root }: { room: Id; root: Id }) {
  const message = useLoadedMessage(room, root);
  const author = useStore((state) => (message ? state.people[message.author] : undefined));
  const [, setPanel] = usePanel();
  return (
    <button
      type="button"
      onClick={() => setPanel({ name: "thread", root })}
      className="flex h-6 max-w-full items-center gap-1.5 rounded text-left text-sm text-ink-3 hover:text-ink coarse:h-8"
    >
      <CornerUpLeft size={14} className="shrink-0" aria-hidden="true" />
      {message ? (
        <span className="truncate">
          <span className="font-medium text-ink-2">{personName(author)}</span>{" "}
          {message.deleted ? "deleted message" : excerpt(message.body)}
        </span>
      ) : (
        <span className="truncate">In a thread</span>
      )}
    </button>
  );
}
