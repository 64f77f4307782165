/**
 * Markdown of a message to clean HTML. Two walls: markdown-it never passes HTML through, and DOMPurify allows only the
 * few elements and attributes that our own rendering makes. Loaded on demand (see rich.ts).
 */
import DOMPurify from "dompurify";
import MarkdownIt, { type StateInline } from "markdown-it";

export interface Mention {
  name: string;
  me: boolean;
}

interface Env {
  mentions: Mention[];
}

const markdown = new MarkdownIt({ html: false, linkify: true, breaks: true, typographer: false });
// An image would let a sender learn who reads, when and from where; a setext heading surprises whoever types "---".
markdown.disable(["image", "lheading", "reference", "html_block", "html_inline"]);
markdown.linkify.set({ fuzzyLink: true, fuzzyEmail: true, fuzzyIP: false });
markdown.validateLink = (url) => /^(https?:\/\/|mailto:|tel:|\/(?!\/)|#)/i.test(url.trim());

const WORD = /[\p{L}\p{N}_]/u;

/** `@Full Name` of somebody the server found mentioned; the longest name wins. */
function mention(state: StateInline, silent: boolean): boolean {
  if (state.src[state.pos] !== "@") return false;
  if (state.pos > 0 && WORD.test(state.src[state.pos - 1] ?? "")) return false;
  const { mentions } = state.env as unknown as Env;
  const rest = state.src.slice(state.pos + 1);
  let found: Mention | undefined;
  for (const one of mentions) {
    if (one.name.length <= (found?.name.length ?? 0)) continue;
    if (rest.slice(0, one.name.length).toLowerCase() !== one.name.toLowerCase()) continue;
    if (WORD.test(rest[one.name.length] ?? "")) continue;
    found = one;
  }
  if (!found) return false;
  if (!silent) {
    const open = state.push("mention_open", "span", 1);
    open.attrSet("class", "mention");
    if (found.me) open.attrSet("data-me", "");
    state.push("text", "", 0).content = `@${rest.slice(0, found.name.length)}`;
    state.push("mention_close", "span", -1);
  }
  state.pos += 1 + found.name.length;
  return true;
}
markdown.inline.ruler.before("emphasis", "mention", mention);

const purifier = DOMPurify(window);
purifier.addHook("afterSanitizeAttributes", (node) => {
  // What scrolls sideways must be reachable by keyboard.
  if (node.tagName === "PRE" || node.tagName === "TABLE") node.setAttribute("tabindex", "0");
  if (node.tagName !== "A") return;
  const href = node.getAttribute("href") ?? "";
  if (!/^(https?:|mailto:|tel:)/i.test(href) && !href.startsWith("/")) node.removeAttribute("href");
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

const CODE_CLASS = /class="language-[^"]*"/g;

export function renderMarkdown(body: string, mentions: Mention[]): string {
  const html = markdown.render(body, { mentions } as never).replace(CODE_CLASS, "");
  return purifier.sanitize(html, ALLOWED);
}
