import type { State } from "../../core/store";
import type { Id, RoomView, User } from "../../core/wire";

type People = State["people"];

/** Up to two letters that stand for a name. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const first = [...(words[0] ?? "?")][0] ?? "?";
  const last = words.length > 1 ? ([...(words.at(-1) ?? "")][0] ?? "") : "";
  return (first + last).toLocaleUpperCase();
}

/** The same hue for the same id, always; spread over the circle. */
export function hueOf(id: string): number {
  let hash = 2_166_136_261;
  for (let index = 0; index < id.length; index += 1) hash = Math.imul(hash ^ id.charCodeAt(index), 16_777_619);
  return ((hash >>> 0) % 24) * 15;
}

export function personName(person: User | undefined): string {
  return person?.name ?? "Someone";
}

export function othersOf(room: RoomView, me: Id | undefined): Id[] {
  const others = room.members.filter((id) => id !== me);
  return others.length ? others : room.members;
}

/** A room's name; for direct conversations the names of the others. */
export function roomTitle(room: RoomView, people: People, me: Id | undefined): string {
  if (room.kind !== "direct") return room.name;
  const names = othersOf(room, me).map((id) => personName(people[id]));
  return names.length ? names.join(", ") : "Direct conversation";
}

/** "Ana", "Ana and Ben", "Ana, Ben and 3 others". */
export function listNames(names: string[], most = 3): string {
  if (names.length <= 1) return names[0] ?? "";
  if (names.length <= most) return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
  const rest = names.length - (most - 1);
  return `${names.slice(0, most - 1).join(", ")} and ${rest} others`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString()} ${count === 1 ? one : many}`;
}

/** Newest activity first; rooms without messages by their making. */
export function byRecency(a: RoomView, b: RoomView): number {
  return (b.last_message_at ?? b.created_at).localeCompare(a.last_message_at ?? a.created_at);
}

/** Case and accents aside, does every word of the query begin or occur in the text? */
export function matches(text: string, query: string): boolean {
  const plain = fold(text);
  return fold(query)
    .split(/\s+/)
    .every((word) => plain.includes(word));
}

export function fold(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLocaleLowerCase().trim();
}
