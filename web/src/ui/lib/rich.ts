/** Rendered messages, each once: the renderer comes in its own chunk, and until then the text is shown as typed. */
import { useSyncExternalStore } from "react";
import type { Mention } from "./markdown";

type Render = (body: string, mentions: Mention[]) => string;

const MOST_KEPT = 4000;
const kept = new Map<string, string>();
const waiting = new Set<() => void>();
let render: Render | null = null;
let loading: Promise<void> | null = null;

function loadRenderer(): Promise<void> {
  loading ??= import("./markdown")
    .then((module) => {
      render = module.renderMarkdown;
      for (const wake of waiting) wake();
    })
    .catch(() => {
      loading = null;
    });
  return loading;
}

function whenLoaded(wake: () => void): () => void {
  void loadRenderer();
  waiting.add(wake);
  return () => waiting.delete(wake);
}

/** Clean HTML of a message, or null while the renderer is on its way. Equal input is rendered once. */
export function useRich(body: string, mentions: Mention[]): string | null {
  const ready = useSyncExternalStore(whenLoaded, () => render);
  if (!ready) return null;
  const key = `${mentions.map(({ name, me }) => `${me ? "!" : ""}${name}`).join("\n")}\0${body}`;
  const known = kept.get(key);
  if (known !== undefined) return known;
  const html = ready(body, mentions);
  if (kept.size >= MOST_KEPT) {
    const oldest = kept.keys().next();
    if (!oldest.done) kept.delete(oldest.value);
  }
  kept.set(key, html);
  return html;
}

const EMOJI =
  /\p{Regional_Indicator}{2}|\p{Extended_Pictographic}[\uFE0F\p{Emoji_Modifier}]?(?:\u200D\p{Extended_Pictographic}[\uFE0F\p{Emoji_Modifier}]?)*/gu;

/** One to six emoji and nothing else are shown large. */
export function isJumbo(body: string): boolean {
  if (body.length > 60 || /[\w]/.test(body)) return false;
  const found = body.match(EMOJI)?.length ?? 0;
  return found > 0 && found <= 6 && body.replace(EMOJI, "").trim() === "";
}

/** One line of plain text for quotes, lists and announcements. */
export function excerpt(body: string, most = 140): string {
  const plain = body
    .replace(/```[\s\S]*?(```|$)/g, " code ")
    .replace(/[`*_~>#]+/g, "")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/\s+/g, " ")
    .trim();
  return plain.length > most ? `${plain.slice(0, most - 1).trimEnd()}…` : plain;
}
