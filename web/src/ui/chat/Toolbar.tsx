import { Link2, ListTodo, Pencil, Reply, SmilePlus, Trash2 } from "lucide-react";
import type { TimelineMessage } from "../../core/store";
import { IconButton } from "../parts/IconButton";
import {
  askDelete,
  copyLink,
  editMessage,
  makeTask,
  mayAnswer,
  mayDelete,
  mayEdit,
  mayMakeTask,
  reactFrom,
  replyTo,
} from "./message-verbs";

interface Props {
  message: TimelineMessage;
  where: string;
  inThread: boolean;
}

/** Floats at the message under the pointer or the focus. */
export function Toolbar({ message, where }: Props) {
  return (
    <div
      role="toolbar"
      aria-label="Message actions"
      className="float-surface absolute -top-3.5 right-4 z-10 flex rounded-lg p-0.5 md:right-6"
    >
      {mayAnswer(message) && (
        <>
          <IconButton
            small
            icon={SmilePlus}
            label="React"
            onClick={(event) => reactFrom(message, event.currentTarget)}
          />
          <IconButton small icon={Reply} label="Reply" onClick={() => replyTo(message, where)} />
        </>
      )}
      {mayEdit(message) && <IconButton small icon={Pencil} label="Edit" onClick={() => editMessage(message)} />}
      {mayMakeTask(message) && (
        <IconButton small icon={ListTodo} label="Make a task" onClick={() => makeTask(message)} />
      )}
      <IconButton small icon={Link2} label="Copy link" onClick={() => copyLink(message)} />
      {mayDelete(message) && (
        <IconButton
          small
          icon={Trash2}
          label="Delete"
          className="hover:text-danger-ink"
          onClick={() => askDelete(message)}
        />
      )}
    </div>
  );
}
