import { useMemo } from "react";
import { useShallow } from "zustand/react/shallow";
import type { TimelineMessage } from "../../core/store";
import { isJumbo, useRich } from "../lib/rich";
import { fullTime } from "../lib/time";
import { useStore } from "../store";

/** A message's text: rendered and sanitised, or as typed while the renderer is on its way. */
export function MessageBody({ message }: { message: TimelineMessage }) {
  const names = useStore(useShallow((state) => message.mentions.map((id) => state.people[id]?.name ?? "")));
  const me = useStore((state) => state.me?.id);
  const mentions = useMemo(
    () => [
      { name: "all", me: message.author !== me },
      ...names.flatMap((name, index) => (name ? [{ name, me: message.mentions[index] === me }] : [])),
    ],
    [names, message.mentions, message.author, me],
  );
  const html = useRich(message.body, mentions);
  if (message.deleted) return <p className="text-ink-3 italic">This message was deleted.</p>;
  const faint = message.delivery === "sending" ? "opacity-60" : "";
  const jumbo = isJumbo(message.body) ? "jumbo" : "";
  if (html === null) return <div className={`message-body plain ${jumbo} ${faint}`}>{message.body}</div>;
  return (
    <>
      <div
        className={`message-body ${jumbo} ${faint}`}
        // biome-ignore lint/security/noDangerouslySetInnerHtml: renderMarkdown sanitises; it is the only source of this
        dangerouslySetInnerHTML={{ __html: html }}
      />
      {message.edited_at && (
        <span className="text-xs text-ink-3" title={fullTime(message.edited_at)}>
          edited
        </span>
      )}
    </>
  );
}
