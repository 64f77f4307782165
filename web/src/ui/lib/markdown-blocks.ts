/**
 * Markdown's blocks, to HTML: paragraphs, headings, quotes, lists, code, rules and tables, as CommonMark and GitHub
 * have them. Four things differ, because this is a chat: every line break counts; a quote or list ends with its last
 * marked or indented line; there are no underlined headings (whoever types "---" wants a rule); and HTML, character
 * references, images and link definitions are text.
 */
import { escapeHtml, type Mention, renderInline } from "./markdown-inline";

/** Deeper quotes and lists are text. */
const DEEPEST = 20;

const FENCE = /^( {0,3})(`{3,}(?=[^`]*$)|~{3,})/;
const HEADING = /^ {0,3}(#{1,6})[ \t]+(\S.*)$/;
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3}(?:([-*+])|(\d{1,9})([.)])))(?:[ \t](.*)|)$/;
const CODE_INDENT = /^ {4}/;

/** HTML of a message's text. */
export function renderBlocks(text: string, mentions: Mention[]): string {
  const lines = text.replace(/\r\n?/g, "\n").split("\n").map(expandTabs);
  return new Blocks(lines, mentions, 0).render(false);
}

function expandTabs(line: string): string {
  return line.replace(/^[ \t]+/, (indent) => {
    let width = 0;
    for (const sign of indent) width += sign === "\t" ? 4 - (width % 4) : 1;
    return " ".repeat(width);
  });
}

const isBlank = (line: string) => line.trim() === "";
const indentOf = (line: string) => line.length - line.trimStart().length;

class Blocks {
  private at = 0;

  constructor(
    private readonly lines: string[],
    private readonly mentions: Mention[],
    private readonly depth: number,
  ) {}

  /** In a tight list the paragraphs of an item are not set apart. */
  render(tight: boolean): string {
    let html = "";
    while (this.at < this.lines.length) {
      const line = this.line(this.at);
      if (isBlank(line)) this.at += 1;
      else if (CODE_INDENT.test(line)) html += this.indentedCode();
      else
        html +=
          this.fence() ??
          this.heading() ??
          this.rule() ??
          this.quote() ??
          this.list() ??
          this.table() ??
          this.paragraph(tight);
    }
    return html;
  }

  private line(at: number): string {
    return this.lines[at] ?? "";
  }

  private inline(text: string): string {
    return renderInline(text.trim(), this.mentions);
  }

  private inside(lines: string[], tight = false): string {
    return new Blocks(lines, this.mentions, this.depth + 1).render(tight);
  }

  private fence(): string | undefined {
    const opening = FENCE.exec(this.line(this.at));
    if (!opening) return undefined;
    const [, indent = "", marks = ""] = opening;
    const code: string[] = [];
    for (this.at += 1; this.at < this.lines.length; this.at += 1) {
      const line = this.line(this.at);
      const mark = line.trim();
      if (indentOf(line) < 4 && mark.length >= marks.length && mark === (marks[0] ?? "").repeat(mark.length)) break;
      code.push(line.slice(Math.min(indent.length, indentOf(line))));
    }
    this.at += 1;
    return codeBlock(code);
  }

  private indentedCode(): string {
    const code: string[] = [];
    for (; this.at < this.lines.length; this.at += 1) {
      const line = this.line(this.at);
      if (!CODE_INDENT.test(line) && !isBlank(line)) break;
      code.push(line.slice(4));
    }
    while (isBlank(code.at(-1) ?? "x")) code.pop();
    return codeBlock(code);
  }

  private heading(): string | undefined {
    const found = HEADING.exec(this.line(this.at));
    if (!found) return undefined;
    this.at += 1;
    const tag = `h${found[1]?.length}`;
    return `<${tag}>${this.inline((found[2] ?? "").trimEnd().replace(/ #+$/, ""))}</${tag}>\n`;
  }

  private rule(): string | undefined {
    if (!RULE.test(this.line(this.at))) return undefined;
    this.at += 1;
    return "<hr>\n";
  }

  private quote(): string | undefined {
    if (this.depth >= DEEPEST || !QUOTE.test(this.line(this.at))) return undefined;
    const quoted: string[] = [];
    for (; QUOTE.test(this.line(this.at)); this.at += 1) quoted.push(expandTabs(this.line(this.at).replace(QUOTE, "")));
    return `<blockquote>\n${this.inside(quoted)}</blockquote>\n`;
  }

  private list(): string | undefined {
    const first = ITEM.exec(this.line(this.at));
    if (!first || this.depth >= DEEPEST) return undefined;
    const items: string[][] = [];
    let loose = false;
    for (;;) {
      const line = this.line(this.at);
      const item = ITEM.exec(line);
      if (!item || RULE.test(line) || item[2] !== first[2] || item[4] !== first[4]) break;
      items.push(this.item(item));
      const next = this.nextFilled();
      if (next === this.at) continue;
      const following = ITEM.exec(this.line(next));
      if (!following || following[2] !== first[2] || following[4] !== first[4]) break;
      loose = true;
      this.at = next;
    }
    loose ||= items.some((lines) => lines.slice(1).some(isBlank));
    const tag = first[3] === undefined ? "ul" : "ol";
    const start = first[3] === undefined || Number(first[3]) === 1 ? "" : ` start="${Number(first[3])}"`;
    const html = items.map((lines) => `<li>${this.inside(lines, !loose).trimEnd()}</li>\n`).join("");
    return `<${tag}${start}>\n${html}</${tag}>\n`;
  }

  /** The lines of one item, without their indent; reads on past them. */
  private item(found: RegExpExecArray): string[] {
    const [, marker = "", , , , rest = ""] = found;
    const content = expandTabs(rest);
    const gap = isBlank(content) || indentOf(content) > 3 ? 0 : indentOf(content);
    const width = marker.length + 1 + gap;
    const lines = [content.slice(gap)];
    for (this.at += 1; this.at < this.lines.length; this.at += 1) {
      const next = this.nextFilled();
      if (next >= this.lines.length || indentOf(this.line(next)) < width) break;
      while (this.at < next) {
        lines.push("");
        this.at += 1;
      }
      lines.push(this.line(next).slice(width));
    }
    return lines;
  }

  private nextFilled(): number {
    let next = this.at;
    while (next < this.lines.length && isBlank(this.line(next))) next += 1;
    return next;
  }

  private table(): string | undefined {
    if (!this.opensTable(this.at)) return undefined;
    const heads = cells(this.line(this.at));
    const row = (tag: string, texts: string[]) =>
      `<tr>${heads.map((_, column) => `<${tag}>${this.inline(texts[column] ?? "")}</${tag}>`).join("")}</tr>\n`;
    const head = row("th", heads);
    let body = "";
    for (this.at += 2; this.at < this.lines.length; this.at += 1) {
      if (isBlank(this.line(this.at)) || this.opensBlock(this.at)) break;
      body += row("td", cells(this.line(this.at)));
    }
    return `<table>\n<thead>\n${head}</thead>\n${body && `<tbody>\n${body}</tbody>\n`}</table>\n`;
  }

  private opensTable(at: number): boolean {
    const [line, under] = [this.line(at), this.line(at + 1)];
    if (!line.includes("|") || !under.includes("-") || !/^[ |:\t-]+$/.test(under)) return false;
    const marks = cells(under);
    return marks.every((mark) => /^:?-+:?$/.test(mark)) && marks.length === cells(line).length;
  }

  /** True where a paragraph ends although no blank line came. */
  private opensBlock(at: number): boolean {
    const line = this.line(at);
    if (FENCE.test(line) || HEADING.test(line) || RULE.test(line) || this.opensTable(at)) return true;
    if (this.depth >= DEEPEST) return false;
    const item = ITEM.exec(line);
    return QUOTE.test(line) || (item !== null && !isBlank(item[5] ?? "") && (item[3] === undefined || item[3] === "1"));
  }

  private paragraph(tight: boolean): string {
    const lines = [this.line(this.at).trim()];
    for (this.at += 1; this.at < this.lines.length; this.at += 1) {
      if (isBlank(this.line(this.at)) || this.opensBlock(this.at)) break;
      lines.push(this.line(this.at).trim());
    }
    const html = this.inline(lines.join("\n"));
    return tight ? `${html}\n` : `<p>${html}</p>\n`;
  }
}

function codeBlock(lines: string[]): string {
  return `<pre><code>${escapeHtml(lines.map((line) => `${line}\n`).join(""))}</code></pre>\n`;
}

/** A table row's cells; `\|` is a character of its cell. */
function cells(line: string): string[] {
  const inner = line
    .trim()
    .replace(/^\|/, "")
    .replace(/(?<!\\)\|$/, "");
  return inner.split(/(?<!\\)\|/).map((cell) => cell.replace(/\\\|/g, "|").trim());
}
