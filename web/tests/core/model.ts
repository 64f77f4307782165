/** The server's tables and log for one room, one person and the workspace, as simply as can be: what a reload would give. */
import { START } from "../../src/core/state";
import type { State } from "../../src/core/store";
import { fromPage } from "../../src/core/timeline";
import type { Entry, Id, Message, MessagePage, RoomView, User, Workspace } from "../../src/core/wire";
import { AT, entry, message, roomView, user } from "./fixtures";

export const ME = "me";
export const ROOM = "room";
export const WORKSPACE = "workspace";

export class Model {
  readonly logs: Record<Id, Entry[]> = { [ME]: [], [ROOM]: [], [WORKSPACE]: [] };
  people: User[] = [user(ME, "owner"), user("ann"), user("bob")];
  workspace: Workspace = { id: WORKSPACE, name: "Company", sample: false };
  view: RoomView | null = roomView(ROOM, { members: [ME, "ann"] });
  messages: Message[] = [];

  head(stream: Id): number {
    return this.logs[stream]?.length ?? 0;
  }

  private log(stream: Id, kind: string, data: unknown, actor: Id, key?: string): Entry {
    const added = {
      ...entry(stream, this.head(stream) + 1, kind, structuredClone(data), actor),
      ...(key ? { key } : {}),
    };
    this.logs[stream]?.push(added);
    if (stream === ROOM && this.view) this.view = { ...this.view, head: added.seq };
    return added;
  }

  post(author: Id, replyTo: Message | null = null, mentions: Id[] = []): void {
    const root = replyTo?.reply_to ?? replyTo?.id ?? null;
    const posted = message(ROOM, this.head(ROOM) + 1, author, { reply_to: root, mentions });
    this.log(ROOM, "message.posted", posted, author, author === ME ? `key-${posted.seq}` : undefined);
    this.messages.push(posted);
    if (root !== null) this.change(root, (found) => ({ ...found, replies: found.replies + 1 }));
    if (this.view) this.view = { ...this.view, last_message_at: AT };
  }

  edit(target: Message): void {
    const edited = { ...target, body: `${target.body} edited`, edited_at: AT, mentions: [ME] };
    this.change(target.id, () => edited);
    this.log(ROOM, "message.edited", edited, target.author);
  }

  /** The words disappear from the log as well, with the counts of this later moment. */
  delete(target: Message): void {
    const erased = { ...target, body: "", reactions: [], mentions: [], deleted: true };
    this.change(target.id, () => erased);
    for (const logged of this.logs[ROOM] ?? []) {
      const data = logged.data as Message;
      if (data.id === target.id && logged.kind.startsWith("message.")) logged.data = structuredClone(erased);
    }
    if (target.reply_to) this.change(target.reply_to, (root) => ({ ...root, replies: root.replies - 1 }));
    const { id, room, seq, reply_to } = target;
    this.log(ROOM, "message.deleted", { id, room, seq, reply_to }, target.author);
  }

  react(target: Message, emoji: string, person: Id): void {
    const users = target.reactions.find((reaction) => reaction.emoji === emoji)?.users ?? [];
    const on = !users.includes(person);
    const rest = on ? [...users, person] : users.filter((other) => other !== person);
    const known = target.reactions.some((reaction) => reaction.emoji === emoji);
    const reactions = known
      ? target.reactions
          .map((one) => (one.emoji === emoji ? { emoji, users: rest } : one))
          .filter((one) => one.users.length)
      : [...target.reactions, { emoji, users: rest }];
    this.change(target.id, (found) => ({ ...found, reactions }));
    this.log(ROOM, on ? "reaction.added" : "reaction.removed", { message: target.id, emoji, user: person }, person);
  }

  read(seq: number): void {
    if (!this.view || seq <= this.view.read) return;
    this.view = { ...this.view, read: seq };
    this.log(ME, "read.moved", { room: ROOM, seq }, ME);
  }

  rename(name: string): void {
    if (!this.view) return;
    this.view = { ...this.view, name };
    const { id, topic, kind, created_at, archived } = this.view;
    for (const stream of [ROOM, WORKSPACE])
      this.log(stream, "room.changed", { id, name, topic, kind, created_at, archived }, ME);
  }

  toggleMember(person: Id): void {
    if (!this.view) return;
    const here = this.view.members.includes(person);
    const members = here ? this.view.members.filter((other) => other !== person) : [...this.view.members, person];
    this.view = { ...this.view, members };
    this.log(ROOM, here ? "member.left" : "member.joined", { room: ROOM, user: person }, person);
  }

  renameUser(id: Id, name: string): void {
    this.people = this.people.map((person) => (person.id === id ? { ...person, name } : person));
    const changed = this.people.find((person) => person.id === id);
    for (const stream of id === ME ? [ME, WORKSPACE] : [WORKSPACE]) this.log(stream, "user.changed", changed, id);
  }

  renameWorkspace(name: string): void {
    this.workspace = { ...this.workspace, name };
    this.log(WORKSPACE, "workspace.changed", this.workspace, ME);
  }

  /** The others in the room are gone too, and whoever was in it hears of it in their own stream. */
  deleteRoom(): void {
    const { view } = this;
    if (!view) return;
    const { id, name, topic, kind, created_at, archived } = view;
    for (const stream of [ROOM, WORKSPACE])
      this.log(stream, "room.deleted", { id, name, topic, kind, created_at, archived }, ME);
    this.log(ME, "member.left", { room: ROOM, user: ME }, ME);
    this.view = null;
    this.messages = [];
  }

  leave(): void {
    if (!this.view) return;
    this.log(ROOM, "member.left", { room: ROOM, user: ME }, ME);
    this.log(ME, "member.left", { room: ROOM, user: ME }, ME);
    const members = this.view.members.filter((other) => other !== ME);
    this.view = { ...this.view, joined: false, members, read: 0 };
  }

  private change(id: Id, apply: (found: Message) => Message): void {
    this.messages = this.messages.map((found) => (found.id === id ? apply(found) : found));
  }

  roomView(): RoomView | null {
    if (!this.view) return null;
    const unread = this.messages.filter((one) => one.seq > (this.view?.read ?? 0) && one.author !== ME && !one.deleted);
    const mentions = unread.filter((one) => one.mentions.includes(ME)).length;
    const counts = this.view.joined ? { unread: Math.min(100, unread.length), mentions } : { unread: 0, mentions: 0 };
    return structuredClone({ ...this.view, ...counts });
  }

  page(limit = 1_000): MessagePage {
    const items = structuredClone(this.messages.slice(-limit));
    return { items, has_before: this.messages.length > limit, has_after: false, head: this.head(ROOM) };
  }

  /** The client's state as it would be loaded now. */
  load(limit?: number): State {
    const view = this.roomView();
    return {
      ...START,
      phase: "signed-in",
      me: structuredClone(this.people[0] as User),
      workspace: { ...this.workspace },
      people: Object.fromEntries(structuredClone(this.people).map((person) => [person.id, person])),
      rooms: view ? { [ROOM]: view } : {},
      timelines: view?.joined ? { [ROOM]: fromPage(this.page(limit)) } : {},
    };
  }
}
