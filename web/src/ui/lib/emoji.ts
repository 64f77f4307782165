/** The emoji list, with GitHub's short names. Its own chunk: loaded by the picker and by the first `:` typed. */
import { type Gemoji, gemoji } from "gemoji";

export interface Emoji {
  emoji: string;
  name: string;
}

export interface EmojiGroup {
  name: string;
  items: Emoji[];
}

const short = ({ emoji, names }: Gemoji): Emoji => ({ emoji, name: names[0] ?? "" });

export const groups: EmojiGroup[] = [];
for (const one of gemoji) {
  let group = groups.at(-1);
  if (group?.name !== one.category) {
    group = { name: one.category, items: [] };
    groups.push(group);
  }
  group.items.push(short(one));
}

const byName = new Map(gemoji.flatMap((one) => one.names.map((name) => [name, one.emoji] as const)));

export function emojiNamed(name: string): string | undefined {
  return byName.get(name.toLowerCase());
}

/** Names that begin with the query, then names that contain it, then tags. */
export function findEmoji(query: string, most: number): Emoji[] {
  const wanted = query.toLowerCase().replace(/\s+/g, "_");
  const ranked: Emoji[][] = [[], [], [], []];
  for (const one of gemoji) {
    const { names, tags } = one;
    const exact = names.find((name) => name === wanted);
    const begins = names.find((name) => name.startsWith(wanted));
    const contains = names.find((name) => name.includes(wanted));
    if (exact) ranked[0]?.push({ emoji: one.emoji, name: exact });
    else if (begins) ranked[1]?.push({ emoji: one.emoji, name: begins });
    else if (contains) ranked[2]?.push({ emoji: one.emoji, name: contains });
    else if (tags.some((tag) => tag.startsWith(wanted))) ranked[3]?.push(short(one));
  }
  return ranked.flat().slice(0, most);
}
