import { useMemo } from "react";
import { useShallow } from "zustand/react/shallow";
import type { TimelineMessage } from "../../core/store";
import { isJumbo, useRich } from "../lib/rich";
import { fullTime } from "../lib/time";
import { useStore } from "../store";

const MARK = '<span class="edited">edited</span>';

/** The mark at the end of the last line, or under what has no line. */
function withMark(html: string): string {
  return /<\/p>\s*$/.test(html) ? html.replace(/<\/p>\s*$/, ` ${MARK}</p>`) : `${html}${MARK}`;
}

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
    <div
      className={`message-body ${jumbo} ${faint}`}
      title={message.edited_at ? `Edited ${fullTime(message.edited_at)}` : undefined}
      // biome-ignore lint/security/noDangerouslySetInnerHtml: renderMarkdown sanitises; it is the only source of this
      dangerouslySetInnerHTML={{ __html: message.edited_at ? withMark(html) : html }}
    />
  );
}
