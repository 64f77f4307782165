/** What the composer offers while a name or an emoji is being typed. */
import type { Id, User } from "../../core/wire";
import { fold } from "./names";

export interface Trigger {
  kind: "person" | "emoji" | "command";
  query: string;
  /** Where the sign (`@` or `:`) stands; completing replaces from here to the caret. */
  start: number;
}

const PERSON = /(?:^|[\s([{"'])@([\p{L}\p{N}][\p{L}\p{N}'’.\- ]{0,48})?$/u;
const COMMAND = /^\/([a-z]*)$/;
const EMOJI = /(?:^|[\s([{"'])(:([a-z0-9_+-]{2,32}))$/i;
const FENCE = /^```/gm;

/** The completion that belongs at the caret, if any. Inside a code block nothing completes. */
export function findTrigger(text: string, caret: number): Trigger | null {
  const before = text.slice(0, caret);
  const command = COMMAND.exec(before);
  if (command) return { kind: "command", query: command[1] ?? "", start: 0 };
  if ((before.match(FENCE)?.length ?? 0) % 2 === 1) return null;
  const line = before.slice(before.lastIndexOf("\n") + 1);
  const emoji = EMOJI.exec(line);
  if (emoji) return { kind: "emoji", query: emoji[2] ?? "", start: caret - (emoji[1]?.length ?? 0) };
  const person = PERSON.exec(line);
  if (person) {
    const query = person[1] ?? "";
    return { kind: "person", query, start: caret - query.length - 1 };
  }
  return null;
}

/** What a message can begin with to be no message. */
export const COMMANDS = [{ name: "task", does: "Make a task" }];

export interface PersonChoice {
  id: Id | "all";
  name: string;
  title: string;
}

const ALL: PersonChoice = { id: "all", name: "all", title: "Everybody here" };

/** Members whose name, or a word of it, begins with the query; the best fits first. */
export function completePeople(query: string, members: User[], most = 8): PersonChoice[] {
  const wanted = fold(query);
  // A space after the name ends the completion unless the name goes on.
  const exact = query.endsWith(" ") ? `${wanted} ` : wanted;
  const ranked: { choice: PersonChoice; rank: number }[] = [];
  for (const { id, name, title } of [...members, ALL]) {
    const plain = fold(name);
    const rank = plain.startsWith(exact) ? 0 : plain.split(/[\s-]+/).some((word) => word.startsWith(exact)) ? 1 : -1;
    if (rank >= 0) ranked.push({ choice: { id, name, title }, rank: id === "all" && wanted === "" ? 2 : rank });
  }
  ranked.sort((a, b) => a.rank - b.rank || a.choice.name.localeCompare(b.choice.name));
  return ranked.slice(0, most).map(({ choice }) => choice);
}
