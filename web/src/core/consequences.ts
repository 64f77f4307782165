/** What an entry asks for beyond the state at hand: things to be loaded, followed or dropped. */
import type { State } from "./store";
import { reaches } from "./unread";
import type { Entry, Id, Membership, Message, MessageDeleted, ReadMark, Room } from "./wire";

export type Consequence =
  /** Load the RoomView, and follow the room if it is joined. */
  | { do: "load-room"; room: Id }
  | { do: "unfollow"; room: Id }
  /** The unread counts can't be told from what is in memory. */
  | { do: "recount"; room: Id }
  | { do: "load-people"; room: Id };

/** `before` is the state without the entry. */
export function consequences(before: State, entry: Entry): Consequence[] {
  const mine = entry.stream === before.me?.id;
  if (mine) return ofPerson(before, entry);
  if (entry.stream === before.workspace?.id) return ofWorkspace(before, entry);
  return ofRoom(before, entry);
}

function ofPerson(before: State, entry: Entry): Consequence[] {
  switch (entry.kind) {
    case "member.joined":
      return [{ do: "load-room", room: (entry.data as Membership).room }];
    case "member.left":
      return [{ do: "unfollow", room: (entry.data as Membership).room }];
    case "read.moved": {
      const { room, seq } = entry.data as ReadMark;
      const view = before.rooms[room];
      const told = !view || seq < view.read || seq >= view.head || reaches(before.timelines[room], seq);
      return told ? [] : [{ do: "recount", room }];
    }
    default:
      return [];
  }
}

function ofWorkspace(before: State, entry: Entry): Consequence[] {
  if (entry.kind === "room.deleted") return [{ do: "unfollow", room: (entry.data as Room).id }];
  if (entry.kind === "room.created" || entry.kind === "room.changed") {
    const { id } = entry.data as Room;
    return before.rooms[id] ? [] : [{ do: "load-room", room: id }];
  }
  return [];
}

function ofRoom(before: State, entry: Entry): Consequence[] {
  const room = entry.stream;
  switch (entry.kind) {
    case "room.deleted":
      return [{ do: "unfollow", room }];
    case "member.joined": {
      const { user } = entry.data as Membership;
      return before.people[user] ? [] : [{ do: "load-people", room }];
    }
    case "message.posted":
      return before.people[entry.actor] ? [] : [{ do: "load-people", room }];
    case "message.edited":
    case "message.deleted": {
      const { seq } = entry.data as Message | MessageDeleted;
      const view = before.rooms[room];
      return view && view.unread > 0 && seq > view.read && entry.seq > view.head ? [{ do: "recount", room }] : [];
    }
    default:
      return [];
  }
}
