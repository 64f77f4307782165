/** What only the interface knows: what is open, what is being answered or edited, and the short notes at the bottom. */
import { create } from "zustand";
import type { TimelineMessage } from "../core/store";
import type { Id } from "../core/wire";

export type Overlay =
  | { name: "palette"; room?: Id }
  | { name: "shortcuts" }
  | { name: "new-room" }
  | { name: "browse-rooms" }
  | { name: "new-direct" }
  | { name: "add-members"; room: Id }
  | { name: "guest-link"; room: Id }
  | { name: "invite" }
  | { name: "edit-room"; room: Id }
  | { name: "message-menu"; message: TimelineMessage; where: string }
  /** `made` is called once it is. */
  | { name: "new-task"; title: string; message?: TimelineMessage; room?: Id; made?: () => void }
  | { name: "confirm"; title: string; text: string; verb: string; danger?: boolean; run: () => Promise<void> };

export interface Note {
  id: number;
  text: string;
  bad: boolean;
  /** What can be done about it, once: "Undo". */
  action?: NoteAction;
}

export interface NoteAction {
  label: string;
  run: () => void;
}

interface EmojiRequest {
  anchor: Element;
  /** Where it was when it was asked: a message's toolbar is gone as soon as the pointer is. */
  place: DOMRect;
  pick: (emoji: string) => void;
}

interface UiState {
  overlay: Overlay | null;
  emoji: EmojiRequest | null;
  userMenu: Element | null;
  /** Composer ("room" or "room/thread") → the message it answers. */
  replying: Record<string, Id | undefined>;
  editing: Id | null;
  notes: Note[];
  /** The name of the page, where it is no conversation, for the tab. */
  page: string;
  /** Said politely to a screen reader. */
  announcement: string;
}

export const useUi = create<UiState>(() => ({
  overlay: null,
  emoji: null,
  userMenu: null,
  replying: {},
  editing: null,
  notes: [],
  page: "",
  announcement: "",
}));

const { setState, getState } = useUi;

export const openOverlay = (overlay: Overlay) => setState({ overlay });
export const closeOverlay = () => setState({ overlay: null });
export function pickEmoji(anchor: Element, pick: (emoji: string) => void): void {
  setState({ emoji: { anchor, place: anchor.getBoundingClientRect(), pick } });
}
export const closeEmoji = () => setState({ emoji: null });
export const startEditing = (message: Id) => setState({ editing: message });
export const stopEditing = () => setState({ editing: null });
export const announce = (announcement: string) => setState({ announcement });

export function replyIn(where: string, message: Id | undefined): void {
  setState({ replying: { ...getState().replying, [where]: message } });
}

const NOTE_MS = 5000;
let lastNote = 0;

export function note(text: string, bad = false, action?: NoteAction): void {
  lastNote += 1;
  const id = lastNote;
  setState({ notes: [...getState().notes.slice(-2), { id, text, bad, action }] });
  setTimeout(() => dropNote(id), action ? NOTE_MS * 2 : NOTE_MS);
}

export function dropNote(id: number): void {
  setState({ notes: getState().notes.filter((one) => one.id !== id) });
}

/** Runs a verb whose failure the person must hear of; answers whether it worked. */
export async function attempt(run: () => Promise<unknown>, done?: string): Promise<boolean> {
  try {
    await run();
    if (done) note(done);
    return true;
  } catch (error) {
    note(messageOf(error), true);
    return false;
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error && error.message ? error.message : "That did not work. Try again.";
}

export async function copyText(text: string, done: string): Promise<void> {
  await attempt(async () => {
    if (!navigator.clipboard)
      throw new Error("This browser does not let the page copy. Select the text and copy it by hand.");
    await navigator.clipboard.writeText(text);
  }, done);
}
