/** The emoji this person used last, remembered in this browser; without the big list. */
const RECENT = "hubbub.emoji";
const FIRST = ["👍", "❤️", "😄", "🎉", "👀", "✅", "🙏", "🚀"];

export function recentEmoji(): string[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(RECENT) ?? "[]");
    if (!Array.isArray(stored)) return FIRST;
    return [...new Set([...stored.filter((one) => typeof one === "string"), ...FIRST])].slice(0, 16);
  } catch {
    return FIRST;
  }
}

export function rememberEmoji(emoji: string): void {
  try {
    localStorage.setItem(RECENT, JSON.stringify([emoji, ...recentEmoji().filter((one) => one !== emoji)].slice(0, 16)));
  } catch {
    // Without storage the list keeps its usual order.
  }
}
