import { useMemo } from "react";
import type { Id } from "../../../core/wire";
import { fold } from "../../lib/names";
import { useRich } from "../../lib/rich";
import { useStore } from "../../store";
import { useAssignable } from "../parts/people";

interface Props {
  board: Id;
  body: string;
  /** Names after "@" are mentions. */
  mentions?: boolean;
  className?: string;
}

/** Markdown as in the chat: rendered and sanitised, or as typed while the renderer is on its way. */
export function RichText({ board, body, mentions = false, className = "" }: Props) {
  const people = useAssignable(board);
  const me = useStore((state) => state.me?.id);
  const named = useMemo(() => {
    if (!mentions || !body.includes("@")) return [];
    const plain = fold(body);
    const found = people.filter((user) => plain.includes(`@${fold(user.name)}`));
    return [{ name: "all", me: true }, ...found.map((user) => ({ name: user.name, me: user.id === me }))];
  }, [mentions, body, people, me]);
  const html = useRich(body, named);
  if (html === null) return <div className={`message-body plain ${className}`}>{body}</div>;
  return (
    <div
      className={`message-body ${className}`}
      // biome-ignore lint/security/noDangerouslySetInnerHtml: renderMarkdown sanitises; it is the only source of this
      dangerouslySetInnerHTML={{ __html: html }}
    />
  );
}
