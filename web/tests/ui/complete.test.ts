import { describe, expect, it } from "vitest";
import { completePeople, findTrigger } from "../../src/ui/lib/complete";
import { findEmoji } from "../../src/ui/lib/emoji";
import { person } from "./world";

const trigger = (text: string, caret = text.length) => findTrigger(text, caret);

describe("findTrigger", () => {
  it("sees a name after @ at the start of a word", () => {
    expect(trigger("@")).toEqual({ kind: "person", query: "", start: 0 });
    expect(trigger("hi @Be")).toEqual({ kind: "person", query: "Be", start: 3 });
    expect(trigger("hi @Ben O")).toEqual({ kind: "person", query: "Ben O", start: 3 });
    expect(trigger("hi @Be and", 6)).toEqual({ kind: "person", query: "Be", start: 3 });
    expect(trigger("mail@be")).toBeNull();
  });

  it("sees an emoji after two letters", () => {
    expect(trigger("yes :ta")).toEqual({ kind: "emoji", query: "ta", start: 4 });
    expect(trigger("yes :t")).toBeNull();
    expect(trigger("at 10:30")).toBeNull();
    expect(trigger("http://x")).toBeNull();
  });

  it("stays silent inside a code block", () => {
    expect(trigger("```\n@be")).toBeNull();
    expect(trigger("```\ncode\n```\n@be")).toEqual({ kind: "person", query: "be", start: 13 });
  });
});

describe("completePeople", () => {
  const members = [person("1", "Ben Okafor"), person("2", "Bea Ben-David"), person("3", "Žofie Novák")];
  const names = (query: string) => completePeople(query, members).map(({ name }) => name);

  it("prefers names that begin so, then words that do", () => {
    expect(names("ben")).toEqual(["Ben Okafor", "Bea Ben-David"]);
    expect(names("oka")).toEqual(["Ben Okafor"]);
  });
  it("reads past accents and case", () => {
    expect(names("zof")).toEqual(["Žofie Novák"]);
  });
  it("offers everybody, last while nothing is typed", () => {
    expect(names("").at(-1)).toBe("all");
    expect(names("al")).toEqual(["all"]);
  });
  it("ends with the space after a name that does not go on", () => {
    expect(names("Ben ")).toEqual(["Ben Okafor"]);
    expect(names("Ben is ")).toEqual([]);
  });
});

describe("findEmoji", () => {
  it("finds by name, the exact one first", () => {
    expect(findEmoji("tada", 5)[0]).toEqual({ emoji: "🎉", name: "tada" });
    expect(findEmoji("heart", 3)[0]?.name).toBe("heart");
  });
  it("is bounded", () => {
    expect(findEmoji("a", 8)).toHaveLength(8);
  });
});
