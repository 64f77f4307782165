import { describe, expect, it } from "vitest";
import { renderMarkdown } from "../../src/ui/lib/markdown";
import { renderBlocks } from "../../src/ui/lib/markdown-blocks";

const draw = (body: string) =>
  renderMarkdown(body, [])
    .replace(/ rel="noopener noreferrer nofollow"| target="_blank"| tabindex="0"/g, "")
    .replace(/\n(?=<(?!\/code)|$)/g, "");

const link = (address: string, text = address) => `<a href="${address}">${text}</a>`;

describe("emphasis", () => {
  it.each([
    [
      "*a* _b_ **c** __d__ ***e***",
      "<em>a</em> <em>b</em> <strong>c</strong> <strong>d</strong> <em><strong>e</strong></em>",
    ],
    ["**a *b* c** and *a **b** c*", "<strong>a <em>b</em> c</strong> and <em>a <strong>b</strong> c</em>"],
    ["snake_case_word and 2*3 * 4", "snake_case_word and 2*3 * 4"],
    ["*a**b*", "<em>a**b</em>"],
    ["**a*b", "**a*b"],
    ["**не**да «**x**»", "<strong>не</strong>да «<strong>x</strong>»"],
    ["~~a **b**~~ ~c~", "<s>a <strong>b</strong></s> ~c~"],
    ["\\*a\\* `\\*b`", "*a* <code>\\*b</code>"],
    ["`` a`b `` `c", "<code>a`b</code> `c"],
  ])("%s", (body, html) => expect(draw(body)).toBe(`<p>${html}</p>`));
});

describe("addresses", () => {
  it.each([
    ["https://a.example/x_(y).", `${link("https://a.example/x_(y)")}.`],
    ["(https://a.example/?b=1)", `(${link("https://a.example/?b=1")})`],
    ["**https://a.example/**", `<strong>${link("https://a.example/")}</strong>`],
    ["www.a.example!", `${link("http://www.a.example", "www.a.example")}!`],
    ["hubbub.org/docs, please", `${link("http://hubbub.org/docs", "hubbub.org/docs")}, please`],
    ["ana@a.example.", `${link("mailto:ana@a.example", "ana@a.example")}.`],
    ["<https://a.example/*b*>", link("https://a.example/*b*")],
    ["[a *b*](https://a.example 'title')", '<a href="https://a.example">a <em>b</em></a>'],
    ["[room](/r/1)", link("/r/1", "room")],
    ["[x](/\\evil.example) [y](//evil.example)", "[x](/\\evil.example) [y](//evil.example)"],
    ["app.py, README.md, done.it, e.g. this", "app.py, README.md, done.it, e.g. this"],
    ["&amp; &lt;b&gt;", "&amp;amp; &amp;lt;b&amp;gt;"],
  ])("%s", (body, html) => expect(draw(body)).toBe(`<p>${html}</p>`));
});

describe("blocks", () => {
  it.each([
    ["a\nb\n\nc", "<p>a<br>\nb</p><p>c</p>"],
    ["# A #\n#tag", "<h1>A</h1><p>#tag</p>"],
    ["a\n---\nb", "<p>a</p><hr><p>b</p>"],
    ["> a\n> > b\n\nc", "<blockquote><p>a</p><blockquote><p>b</p></blockquote></blockquote><p>c</p>"],
    ["> a\nb", "<blockquote><p>a</p></blockquote><p>b</p>"],
    ["- a\n  - b\n- c\nd", "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul><p>d</p>"],
    ["3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'],
    ["- a\n\n- b", "<ul><li><p>a</p></li><li><p>b</p></li></ul>"],
    ["it was\n2019. A year", "<p>it was<br>\n2019. A year</p>"],
    ["1. a\n   ```\n   b\n   ```\n2. c", "<ol><li>a<pre><code>b\n</code></pre></li><li>c</li></ol>"],
    ["~~~\n<b>\n\n  c", "<pre><code>&lt;b&gt;\n\n  c\n</code></pre>"],
    ["\ta", "<pre><code>a\n</code></pre>"],
    [
      "|a|b|\n|-|-|\n|`x\\|y`|",
      "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td><code>x|y</code></td><td></td></tr></tbody></table>",
    ],
    ["a | b", "<p>a | b</p>"],
  ])("%s", (body, html) => expect(draw(body)).toBe(html));

  it("stays quick on the longest message, whatever is in it", () => {
    const patterns = [
      "[",
      "*a_",
      "`a",
      ">",
      "[a](b",
      "a.",
      "- ",
      "**a ",
      "[a](https://x(",
      '[a](https://x "',
      "\\|",
      "|a",
    ];
    const before = performance.now();
    for (const pattern of patterns) renderBlocks(pattern.repeat(8000 / pattern.length), []);
    // Anything worse than quadratic would take minutes.
    expect(performance.now() - before).toBeLessThan(30_000);
  }, 60_000);
});
