import { Menu } from "@base-ui/react/menu";
import { Clock3, Ellipsis, Pencil, Trash2 } from "lucide-react";
import { useState } from "react";
import type { Comment } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { useTouch } from "../../lib/hooks";
import { personName } from "../../lib/names";
import { isAdmin } from "../../lib/rooms";
import { briefTime, fullTime } from "../../lib/time";
import { Avatar } from "../../parts/Avatar";
import { IconButton } from "../../parts/IconButton";
import { ICON } from "../../parts/icon";
import { attempt, openOverlay } from "../../state";
import { useStore } from "../../store";
import { MENU_ITEM } from "../parts/Picker";
import { useBoardPeople } from "../parts/people";
import { boardActions, useBoards } from "../store";
import { LONGEST_COMMENT } from "./CommentBox";
import { More } from "./More";
import { RichText } from "./RichText";
import { TextEditor } from "./TextEditor";

interface Props {
  board: Id;
  task: Id;
  comments: Comment[];
  more: boolean;
  /** May comment. */
  speaks: boolean;
}

export function Comments({ board, task, comments, more, speaks }: Props) {
  const keys = useBoards((state) => state.keys);
  return (
    <section aria-label="Comments" className="grid gap-4">
      {more && <More what="Show older comments" load={() => boardActions.loadOlderComments(task)} />}
      {comments.length === 0 && (
        <p className="py-2 text-sm text-ink-3">{speaks ? "No comments yet." : "Nobody has commented."}</p>
      )}
      {comments.map((comment) => (
        <CommentRow key={keys[comment.id] ?? comment.id} board={board} comment={comment} speaks={speaks} />
      ))}
    </section>
  );
}

/** One that the server has not confirmed yet has its outbox key as id, which is no UUID. */
const isPending = (comment: Comment) => !comment.id.includes("-");

function CommentRow({ board, comment, speaks }: { board: Id; comment: Comment; speaks: boolean }) {
  const [author] = useBoardPeople(board, [comment.author]);
  const own = useStore((state) => state.me?.id === comment.author);
  const admin = useStore(isAdmin);
  const [draft, setDraft] = useState<string | null>(null);
  const name = personName(author);
  const pending = isPending(comment);
  const lively = speaks && !comment.deleted && !pending && draft === null;

  const save = async () => {
    const body = draft?.trim() ?? "";
    if (body === "") return remove();
    setDraft(null);
    if (body === comment.body) return;
    const saved = await attempt(() => boardActions.editComment(board, comment.id, body));
    if (!saved) setDraft(body);
  };
  const remove = () =>
    openOverlay({
      name: "confirm",
      title: "Delete this comment?",
      text: "It disappears for everybody. This cannot be undone.",
      verb: "Delete",
      danger: true,
      run: async () => {
        await boardActions.deleteComment(board, comment.id);
        setDraft(null);
      },
    });
  return (
    <article
      aria-label={`${name}, ${fullTime(comment.created_at)}`}
      data-comment={comment.id}
      className={`group/comment relative flex gap-3 ${pending ? "opacity-60" : ""}`}
    >
      <Avatar user={author} size="sm" />
      <div className="min-w-0 grow">
        <header className="flex h-6 items-center gap-2 text-sm">
          <span className="truncate font-semibold">{name}</span>
          <time
            dateTime={comment.created_at}
            title={fullTime(comment.created_at)}
            className="shrink-0 text-xs text-ink-3 tabular-nums"
          >
            {briefTime(comment.created_at)}
          </time>
          {comment.edited_at && !comment.deleted && (
            <span className="shrink-0 text-xs text-ink-3" title={fullTime(comment.edited_at)}>
              edited
            </span>
          )}
          {pending && (
            <span className="text-ink-3" title="Sending">
              <Clock3 size={14} aria-hidden="true" />
              <span className="sr-only">Sending</span>
            </span>
          )}
          {lively && (own || admin) && (
            <CommentVerbs onEdit={own ? () => setDraft(comment.body) : undefined} onDelete={remove} />
          )}
        </header>
        {draft !== null ? (
          <TextEditor
            label="Edit the comment"
            text={draft}
            longest={LONGEST_COMMENT}
            brief
            onText={setDraft}
            onSave={() => void save()}
            onCancel={() => setDraft(null)}
          />
        ) : comment.deleted ? (
          <p className="text-sm text-ink-3 italic">This comment was deleted.</p>
        ) : (
          <RichText board={board} body={comment.body} mentions />
        )}
      </div>
    </article>
  );
}

/** Beside the comment under the pointer; on a touch screen in one menu. */
function CommentVerbs({ onEdit, onDelete }: { onEdit: (() => void) | undefined; onDelete: () => void }) {
  const touch = useTouch();
  if (!touch) {
    return (
      <span className="ml-auto flex opacity-0 transition-opacity group-hover/comment:opacity-100 focus-within:opacity-100">
        {onEdit && <IconButton icon={Pencil} label="Edit the comment" small onClick={onEdit} />}
        <IconButton icon={Trash2} label="Delete the comment" small onClick={onDelete} />
      </span>
    );
  }
  return (
    <Menu.Root>
      <Menu.Trigger render={<IconButton icon={Ellipsis} label="Comment menu" className="ml-auto" />} />
      <Menu.Portal>
        <Menu.Positioner side="bottom" align="end" collisionPadding={8} className="z-50">
          <Menu.Popup aria-label="Comment menu" className="float-surface appear w-48 rounded-lg p-1 outline-none">
            {onEdit && (
              <Menu.Item className={MENU_ITEM} onClick={onEdit}>
                <Pencil {...ICON} size={16} className="text-ink-2" />
                Edit
              </Menu.Item>
            )}
            <Menu.Item className={MENU_ITEM} onClick={onDelete}>
              <Trash2 {...ICON} size={16} className="text-ink-2" />
              Delete
            </Menu.Item>
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  );
}
