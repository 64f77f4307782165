import { CornerUpLeft, X } from "lucide-react";
import type { Id } from "../../core/wire";
import { personName } from "../lib/names";
import { excerpt } from "../lib/rich";
import { useStore } from "../store";
import { useLoadedMessage } from "./ReplyContext";

/** What the message being written answers. */
export function ReplyChip({ room, message: id, onDrop }: { room: Id; message: Id; onDrop: () => void }) {
  const message = useLoadedMessage(room, id);
  const author = useStore((state) => (message ? state.people[message.author] : undefined));
  return (
    <div className="flex items-center gap-2 border-b border-line py-1 pr-1.5 pl-3.5 text-sm text-ink-2">
      <CornerUpLeft size={14} className="shrink-0" aria-hidden="true" />
      <span className="min-w-0 grow truncate">
        Reply to <span className="font-medium text-ink">{personName(author)}</span>
        {message && <span className="text-ink-3"> {excerpt(message.body)}</span>}
      </span>
      <button
        type="button"
        aria-label="Do not reply to this message"
        onClick={onDrop}
        className="inline-flex size-7 shrink-0 items-center justify-center rounded-md hover:bg-hover coarse:size-9"
      >
        <X size={16} aria-hidden="true" />
      </button>
    </div>
  );
}
