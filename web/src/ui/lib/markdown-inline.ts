/**
 * Markdown within a line or paragraph, to HTML: emphasis as CommonMark has it (section 6.2 and its appendix), links,
 * code, and the addresses people type without brackets. Everything that is not one of these is escaped as text.
 */

export interface Mention {
  name: string;
  me: boolean;
}

/** A run of `*`, `_` or `~~`; what is left of it is text between what it closes and what it opens. */
interface Run {
  sign: string;
  length: number;
  left: number;
  opens: boolean;
  closes: boolean;
  closing: string;
  opening: string;
}

const WORD = /[\p{L}\p{N}_]/u;
const ALPHANUMERIC = /[\p{L}\p{N}]/u;
const PUNCTUATION = /[\p{P}\p{S}]/u;
const SPACE = /^\s?$/;

/** Where a link may lead. `/\` and `//` would be another host. */
export const SAFE_ADDRESS = /^(?:https?:\/\/|mailto:|tel:|\/(?![/\\]))[^\s\p{Cc}]*$/iu;

const PLAIN = /[^\\`\n<[@*_~\p{L}\p{N}]+/uy;
const WORD_REST = /[\p{L}\p{N}]+/uy;
const BRACKETED = /<((?:https?:\/\/|mailto:|tel:)[^\s<>]*|[\w.+-]{1,64}@[\w-]+(?:\.[\w-]+)+)>/iy;
const BARE_URL = /(?:https?:\/\/|www\.)[\p{L}\p{N}[][^\s<>"`]*/iuy;
const BARE_EMAIL = /[\w+-][\w.+-]{0,63}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,63}(?![\w-])/iy;
/** Only endings that are not also those of file names or words: `app.py` and `done.it` are no addresses. */
const BARE_HOST =
  /(?:[a-z0-9-]{1,63}\.){1,8}(?:com|org|net|edu|gov|info|biz|dev|app|io|eu|uk|de|fr|nl|ch|jp)(?![\w-]|\.\w|@)(?::\d{2,5})?(?:[/?#][^\s<>"`]*)?/y;

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => ESCAPES[sign] ?? sign);
}

function anchor(address: string, html: string): string {
  return `<a href="${escapeHtml(address)}">${html}</a>`;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/** HTML of `text`. In a link's label (`inLink`) there are no further links. */
export function renderInline(text: string, mentions: Mention[], inLink = false): string {
  const parts: (string | Run)[] = [];
  const brackets = inLink ? new Map<number, number>() : pairBrackets(text);
  let at = 0;
  while (at < text.length) {
    const sign = text[at] as string;
    const before = text[at - 1] ?? "";
    let end = at + 1;
    let html: string | undefined;
    if (sign === "\\") {
      // Before a line break it is CommonMark's mark of one, and not shown.
      if (text[end] === "\n") html = "";
      else if (/[!-/:-@[-`{-~]/.test(text[end] ?? "")) html = escapeHtml(text[end++] ?? "");
    } else if (sign === "\n") {
      html = "<br>\n";
    } else if (sign === "`") {
      const [close, ticks] = findCode(text, at);
      end = close < 0 ? at + ticks : close + ticks;
      if (close >= 0) html = `<code>${escapeHtml(trimCode(text.slice(at + ticks, close)))}</code>`;
    } else if (sign === "@") {
      const name = findMention(text, at, before, mentions);
      if (name) {
        end = at + 1 + name.name.length;
        html = `<span class="mention"${name.me ? ' data-me=""' : ""}>${escapeHtml(text.slice(at, end))}</span>`;
      }
    } else if (sign === "*" || sign === "_" || sign === "~") {
      while (text[end] === sign) end += 1;
      if (sign !== "~" || end - at === 2) {
        parts.push(makeRun(text, at, end));
        at = end;
        continue;
      }
    } else if (!inLink && sign === "<") {
      const found = matchAt(BRACKETED, text, at);
      if (found?.[1]) {
        end = at + found[0].length;
        html = anchor(/^[a-z]+:/i.test(found[1]) ? found[1] : `mailto:${found[1]}`, escapeHtml(found[1]));
      }
    } else if (sign === "[") {
      const link = readLink(text, at, brackets.get(at));
      if (link) {
        end = link.end;
        html = anchor(link.address, renderInline(link.label, mentions, true));
      }
    } else if (ALPHANUMERIC.test(String.fromCodePoint(text.codePointAt(at) ?? 0))) {
      const bare = inLink || ALPHANUMERIC.test(before) ? undefined : readBare(text, at);
      if (bare) {
        end = at + bare.shown.length;
        html = anchor(bare.address, escapeHtml(bare.shown));
      } else {
        end = at + (matchAt(WORD_REST, text, at)?.[0].length ?? 1);
      }
    } else {
      end = at + (matchAt(PLAIN, text, at)?.[0].length ?? 1);
    }
    parts.push(html ?? escapeHtml(text.slice(at, end)));
    at = end;
  }
  return joinRuns(parts);
}

/** Which `]` belongs to which `[`, past escapes and code. */
function pairBrackets(text: string): Map<number, number> {
  const pairs = new Map<number, number>();
  const open: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    if (sign === "\\") at += 1;
    else if (sign === "[") open.push(at);
    else if (sign === "]") {
      const start = open.pop();
      if (start !== undefined) pairs.set(start, at);
    } else if (sign === "`") {
      const [close, ticks] = findCode(text, at);
      at = (close < 0 ? at : close) + ticks - 1;
    }
  }
  return pairs;
}

/** Where the code span that may begin at `at` closes, or -1, and how many backticks mark it. */
function findCode(text: string, at: number): [number, number] {
  const ticks = matchAt(/`+/y, text, at)?.[0].length ?? 1;
  const runs = /`+/g;
  runs.lastIndex = at + ticks;
  for (let run = runs.exec(text); run; run = runs.exec(text)) if (run[0].length === ticks) return [run.index, ticks];
  return [-1, ticks];
}

function trimCode(code: string): string {
  const line = code.replace(/\n/g, " ");
  return /^ .*[^ ].* $/.test(line) ? line.slice(1, -1) : line;
}

/** `@Full Name` of somebody the server found mentioned; the longest name wins. */
function findMention(text: string, at: number, before: string, mentions: Mention[]): Mention | undefined {
  if (WORD.test(before)) return undefined;
  let found: Mention | undefined;
  for (const one of mentions) {
    const end = at + 1 + one.name.length;
    if (one.name.length <= (found?.name.length ?? 0)) continue;
    if (text.slice(at + 1, end).toLowerCase() !== one.name.toLowerCase()) continue;
    if (WORD.test(text.slice(end, end + 1))) continue;
    found = one;
  }
  return found;
}

const DESTINATION = /[ \n]*(?:<([^<>\n]*)>|((?:\\[!-/:-@[-`{-~]|[^\s()\\]|\\|\((?:[^\s()\\]|\\.)*\))*))/y;
const TITLE_AND_END = /(?:[ \n]+(?:"[^"]*"|'[^']*'|\([^()]*\)))?[ \n]*\)/y;

/** `[label](address "title")`; the title is not shown. */
function readLink(text: string, at: number, close: number | undefined) {
  if (close === undefined || text[close + 1] !== "(") return null;
  const destination = matchAt(DESTINATION, text, close + 2);
  if (!destination) return null;
  const tail = matchAt(TITLE_AND_END, text, DESTINATION.lastIndex);
  const address = (destination[1] ?? destination[2] ?? "").replace(/\\([!-/:-@[-`{-~])/g, "$1");
  if (!tail || !SAFE_ADDRESS.test(address)) return null;
  return { label: text.slice(at + 1, close), address, end: TITLE_AND_END.lastIndex };
}

/** An address without any brackets around it. */
function readBare(text: string, at: number): { address: string; shown: string } | undefined {
  const url = matchAt(BARE_URL, text, at);
  if (url) {
    const shown = trimBare(url[0]);
    return { shown, address: /^www/i.test(shown) ? `http://${shown}` : shown };
  }
  const email = matchAt(BARE_EMAIL, text, at);
  if (email) return { shown: email[0], address: `mailto:${email[0]}` };
  const host = matchAt(BARE_HOST, text, at);
  if (!host) return undefined;
  const shown = trimBare(host[0]);
  return { shown, address: `http://${shown}` };
}

/** What ends a sentence or closes a bracket opened before is not part of the address. */
function trimBare(found: string): string {
  let end = found.length;
  let surplus = 0;
  for (const sign of found) surplus += sign === ")" || sign === "]" ? 1 : sign === "(" || sign === "[" ? -1 : 0;
  for (; end > 0; end -= 1) {
    const last = found[end - 1] as string;
    if (/[)\]]/.test(last)) {
      if (surplus <= 0) break;
      surplus -= 1;
    } else if (!/[?!.,:;*_~'|\\]/.test(last)) break;
  }
  return found.slice(0, end);
}

function makeRun(text: string, at: number, end: number): Run {
  const sign = text[at] as string;
  const before = [...text.slice(Math.max(0, at - 2), at)].at(-1) ?? "";
  const after = [...text.slice(end, end + 2)][0] ?? "";
  const heads = !SPACE.test(after) && (!PUNCTUATION.test(after) || SPACE.test(before) || PUNCTUATION.test(before));
  const tails = !SPACE.test(before) && (!PUNCTUATION.test(before) || SPACE.test(after) || PUNCTUATION.test(after));
  const within = sign === "_";
  return {
    sign,
    length: end - at,
    left: end - at,
    opens: heads && (!within || !tails || PUNCTUATION.test(before)),
    closes: tails && (!within || !heads || PUNCTUATION.test(after)),
    closing: "",
    opening: "",
  };
}

/** Pairs the runs that open with those that close, nearest first, and writes everything out. */
function joinRuns(parts: (string | Run)[]): string {
  const open: Run[] = [];
  for (const part of parts) {
    if (typeof part === "string") continue;
    while (part.closes && part.left > 0) {
      const index = open.findLastIndex((one) => one.sign === part.sign && mayPair(one, part));
      const opener = open[index];
      if (!opener) break;
      const taken = Math.min(opener.left, part.left, 2);
      const tag = part.sign === "~" ? "s" : taken === 2 ? "strong" : "em";
      opener.left -= taken;
      part.left -= taken;
      opener.opening = `<${tag}>${opener.opening}`;
      part.closing += `</${tag}>`;
      open.length = opener.left > 0 ? index + 1 : index;
    }
    if (part.opens && part.left > 0) open.push(part);
  }
  return parts
    .map((part) => (typeof part === "string" ? part : part.closing + part.sign.repeat(part.left) + part.opening))
    .join("");
}

/** CommonMark's rules 9 and 10: `*a**b*` is not emphasis that ends in the middle of `**`. */
function mayPair(opener: Run, closer: Run): boolean {
  if (!opener.closes && !closer.opens) return true;
  return (opener.length + closer.length) % 3 !== 0 || (opener.length % 3 === 0 && closer.length % 3 === 0);
}
