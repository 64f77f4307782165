import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { renderMarkdown } from "../../src/ui/lib/markdown";

const draw = (body: string, mentions: { name: string; me: boolean }[] = []) => {
  const box = document.createElement("div");
  box.innerHTML = renderMarkdown(body, mentions);
  return box;
};

const ALLOWED = /^(P|BR|STRONG|EM|S|CODE|PRE|BLOCKQUOTE|UL|OL|LI|A|HR|SPAN|H[1-6]|TABLE|THEAD|TBODY|TR|TH|TD)$/;

function expectHarmless(box: HTMLElement): void {
  for (const element of box.querySelectorAll("*")) {
    expect(element.tagName).toMatch(ALLOWED);
    for (const { name } of element.attributes) {
      expect(["href", "class", "data-me", "start", "rel", "target", "tabindex"]).toContain(name);
    }
    const href = element.getAttribute("href");
    if (href !== null) expect(href).toMatch(/^(https?:|mailto:|tel:|\/(?!\/))/i);
    if (element.tagName === "A") expect(element.getAttribute("rel")).toContain("noopener");
  }
}

describe("hostile input", () => {
  it.each([
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![track](https://evil.example/pixel.png)",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](vbscript:msgbox(1))",
    "[x](//evil.example)",
    '[x](https://a.example "onmouseover=alert(1)")',
    "<svg/onload=alert(1)>",
    '```" onmouseover="alert(1)\ncode\n```',
    "<a href='javascript:alert(1)'>x</a>",
    "<https://a.example/><style>*{display:none}</style>",
    "[a]: javascript:alert(1)\n\n[a]",
    "<form action=/api><input></form>",
    "&#106;avascript&colon;alert(1)",
  ])("is harmless: %s", (body) => {
    const box = draw(body);
    expectHarmless(box);
    expect(box.querySelector("img, script, svg, style, form, iframe, input")).toBeNull();
  });

  it("is harmless whatever the characters are", () => {
    const piece = fc.constantFrom(
      "<",
      ">",
      "[",
      "](",
      ")",
      "javascript:",
      "onerror=",
      "![",
      "`",
      "*",
      "@Ana",
      '"',
      "'",
      "&",
      "\n",
      "|",
      "x",
      "data:",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 24 }), (pieces) =>
        expectHarmless(draw(pieces.join(""), [{ name: "Ana", me: true }])),
      ),
      { numRuns: 300 },
    );
  });

  it("cannot forge a mention", () => {
    expect(draw('<span class="mention" data-me>@Ana</span>').querySelector(".mention")).toBeNull();
    expect(draw("`@Ana`", [{ name: "Ana", me: true }]).querySelector(".mention")).toBeNull();
  });
});

describe("what people write", () => {
  it("renders links, emphasis, lists, quotes and code", () => {
    const box = draw(
      "**b** _i_ ~~s~~ `c` https://a.example/x\n\n- one\n- two\n\n> quote\n\n```ts\nlet a = 1 < 2;\n```",
    );
    expect(box.querySelector("strong")?.textContent).toBe("b");
    expect(box.querySelector("s")?.textContent).toBe("s");
    expect(box.querySelectorAll("li")).toHaveLength(2);
    expect(box.querySelector("blockquote")?.textContent).toContain("quote");
    expect(box.querySelector("pre")?.textContent).toBe("let a = 1 < 2;\n");
    const link = box.querySelector("a");
    expect(link?.getAttribute("href")).toBe("https://a.example/x");
    expect(link?.getAttribute("target")).toBe("_blank");
    expect(link?.getAttribute("rel")).toBe("noopener noreferrer nofollow");
  });

  it("keeps line breaks", () => {
    expect(draw("a\nb").querySelectorAll("br")).toHaveLength(1);
  });

  it("marks the longest name that was mentioned, and only whole names", () => {
    const people = [
      { name: "Ana", me: false },
      { name: "Ana Kovač", me: true },
    ];
    const found = (body: string) => [...draw(body, people).querySelectorAll(".mention")].map((one) => one.textContent);
    expect(found("hi @Ana Kovač, and @ana")).toEqual(["@Ana Kovač", "@ana"]);
    expect(found("@Anabel, mail@Ana and @Ben")).toEqual([]);
    expect(draw("@Ana Kovač", people).querySelector(".mention")?.hasAttribute("data-me")).toBe(true);
    expect(draw("@Ana!", people).querySelector(".mention")?.hasAttribute("data-me")).toBe(false);
  });
});
