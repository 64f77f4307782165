/**
 * Markdown of a message to clean HTML. Two walls: our renderer writes every character it does not know as text, and
 * DOMPurify allows only the few elements and attributes that it makes. Loaded on demand (see rich.ts).
 */
import DOMPurify from "dompurify";
import { renderBlocks } from "./markdown-blocks";
import { type Mention, SAFE_ADDRESS } from "./markdown-inline";

export type { Mention };

const purifier = DOMPurify(window);
purifier.addHook("afterSanitizeAttributes", (node) => {
  // What scrolls sideways must be reachable by keyboard.
  if (node.tagName === "PRE" || node.tagName === "TABLE") node.setAttribute("tabindex", "0");
  if (node.tagName !== "A") return;
  const href = node.getAttribute("href") ?? "";
  if (!SAFE_ADDRESS.test(href)) node.removeAttribute("href");
  node.setAttribute("rel", "noopener noreferrer nofollow");
  if (!href.startsWith("/")) node.setAttribute("target", "_blank");
});

const ALLOWED = {
  ALLOWED_TAGS: [
    ...["p", "br", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a", "hr", "span"],
    ...["h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"],
  ],
  ALLOWED_ATTR: ["href", "class", "data-me", "start"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
};

export function renderMarkdown(body: string, mentions: Mention[]): string {
  return purifier.sanitize(renderBlocks(body, mentions), ALLOWED);
}
