import { Dialog } from "@base-ui/react/dialog";
import {
  Copy,
  Link2,
  ListTodo,
  type LucideIcon,
  MessageSquareText,
  Pencil,
  Reply,
  SmilePlus,
  Trash2,
} from "lucide-react";
import { useLocation } from "wouter";
import type { TimelineMessage } from "../../core/store";
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
  toggleReaction,
} from "../chat/message-verbs";
import { recentEmoji, rememberEmoji } from "../lib/emoji-recent";
import { roomPath } from "../lib/rooms";
import { ICON } from "../parts/icon";
import { closeOverlay, copyText } from "../state";

/** The menu of a message on a touch screen: what the toolbar offers elsewhere, in reach of the thumb. */
export default function MessageMenu({ message, where }: { message: TimelineMessage; where: string }) {
  const [, navigate] = useLocation();
  const answer = mayAnswer(message);
  return (
    <Dialog.Root defaultOpen onOpenChange={(open) => !open && setTimeout(closeOverlay, 120)}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fade fixed inset-0 z-40 bg-scrim" />
        <Dialog.Popup
          aria-label="Message actions"
          className="float-surface appear fixed inset-x-0 bottom-0 z-40 rounded-t-2xl p-2 pb-[max(8px,env(safe-area-inset-bottom))] outline-none md:inset-x-auto md:left-1/2 md:w-80 md:-translate-x-1/2"
        >
          <Dialog.Title className="sr-only">Message actions</Dialog.Title>
          {answer && (
            <div className="flex justify-between gap-1 px-2 pt-1 pb-2">
              {recentEmoji()
                .slice(0, 6)
                .map((emoji) => (
                  <Dialog.Close
                    key={emoji}
                    aria-label={`React with ${emoji}`}
                    onClick={() => {
                      rememberEmoji(emoji);
                      toggleReaction(message, emoji);
                    }}
                    className="inline-flex size-11 items-center justify-center rounded-full bg-hover text-xl"
                  >
                    {emoji}
                  </Dialog.Close>
                ))}
              <Dialog.Close
                aria-label="Other reaction"
                onClick={() =>
                  reactFrom(message, document.querySelector(`[data-message="${message.id}"]`) ?? document.body)
                }
                className="inline-flex size-11 items-center justify-center rounded-full bg-hover text-ink-2"
              >
                <SmilePlus {...ICON} />
              </Dialog.Close>
            </div>
          )}
          {answer && <Act icon={Reply} label="Reply" onClick={() => replyTo(message, where)} />}
          {(message.replies > 0 || message.reply_to) && where === message.room && (
            <Act
              icon={MessageSquareText}
              label="Open the thread"
              onClick={() => navigate(`${roomPath(message.room)}?thread=${message.reply_to ?? message.id}`)}
            />
          )}
          {mayMakeTask(message) && (
            <Act icon={ListTodo} label="Make a task" onClick={() => setTimeout(() => makeTask(message), 150)} />
          )}
          <Act icon={Copy} label="Copy text" onClick={() => copyText(message.body, "Text copied.")} />
          <Act icon={Link2} label="Copy link" onClick={() => copyLink(message)} />
          {mayEdit(message) && <Act icon={Pencil} label="Edit" onClick={() => editMessage(message)} />}
          {mayDelete(message) && (
            <Act icon={Trash2} label="Delete" danger onClick={() => setTimeout(() => askDelete(message), 150)} />
          )}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Act({
  icon: Icon,
  label,
  danger = false,
  onClick,
}: {
  icon: LucideIcon;
  label: string;
  danger?: boolean;
  onClick: () => void;
}) {
  return (
    <Dialog.Close
      onClick={onClick}
      className={`flex h-12 w-full items-center gap-3 rounded-lg px-3 text-left hover:bg-hover ${danger ? "text-danger-ink" : ""}`}
    >
      <Icon {...ICON} className={`shrink-0 ${danger ? "" : "text-ink-2"}`} />
      {label}
    </Dialog.Close>
  );
}
