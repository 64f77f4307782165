import { useEffect, useState } from "react";
import { Link } from "wouter";
import type { Id, Message } from "../../../core/wire";
import { excerpt } from "../../lib/rich";
import { messagePath, useRoomTitle } from "../../lib/rooms";
import { useStore } from "../../store";
import { boardActions } from "../store";

/** The message a task was made from, for those who may read it. */
export function FromMessage({ id }: { id: Id }) {
  const [message, setMessage] = useState<Message | null | undefined>(undefined);
  const room = useStore((state) => (message ? state.rooms[message.room] : undefined));
  const title = useRoomTitle(room);
  useEffect(() => {
    let wanted = true;
    boardActions.findMessage(id).then(
      (found) => wanted && setMessage(found),
      () => wanted && setMessage(null),
    );
    return () => {
      wanted = false;
    };
  }, [id]);
  const shape = "flex min-h-8 items-center px-2 text-sm coarse:min-h-11";
  if (message === undefined) return <span className={shape} aria-busy="true" />;
  if (message === null) return <span className={`${shape} text-ink-3`}>A message you can't see</span>;
  const words = message.deleted ? "a deleted message" : `“${excerpt(message.body, 60)}”`;
  return (
    <Link
      href={messagePath(message.room, message.seq)}
      className={`${shape} rounded-md text-accent-ink hover:bg-hover`}
    >
      <span className="min-w-0 truncate">
        {words}
        {title && ` in ${title}`}
      </span>
    </Link>
  );
}
