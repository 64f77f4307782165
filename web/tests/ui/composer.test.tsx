import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { prefer } from "../../src/ui/lib/preferences";
import { replyIn, stopEditing, useUi } from "../../src/ui/state";
import { eventually } from "../core/fixtures";
import { actions, anew, room, said, start, useStore } from "./world";

vi.mock("../../src/ui/store", () => import("./world"));
const { Composer } = await import("../../src/ui/chat/Composer");

function open(state = start) {
  useStore.setState(state, true);
  render(<Composer room={room} where="r1" />);
  return screen.getByRole("textbox", { name: "Message launch" }) as HTMLTextAreaElement;
}

beforeEach(() => {
  anew();
  prefer({ enterSends: true });
  replyIn("r1", undefined);
  stopEditing();
  window.matchMedia ??= ((query: string) => ({
    matches: false,
    media: query,
    addEventListener() {},
    removeEventListener() {},
  })) as unknown as typeof window.matchMedia;
});
afterEach(cleanup);

describe("keys", () => {
  it("sends with Enter, breaks with Shift+Enter, and trims", async () => {
    const box = open();
    await userEvent.type(box, "  one{Shift>}{Enter}{/Shift}two {Enter}");
    expect(actions.post).toHaveBeenCalledExactlyOnceWith("r1", "one\ntwo", undefined);
    expect(box.value).toBe("");
    expect(actions.setDraft).toHaveBeenLastCalledWith("r1", "");
  });

  it("breaks with Enter and sends with Ctrl+Enter when switched", async () => {
    prefer({ enterSends: false });
    const box = open();
    await userEvent.type(box, "one{Enter}two");
    expect(actions.post).not.toHaveBeenCalled();
    await userEvent.type(box, "{Control>}{Enter}{/Control}");
    expect(actions.post).toHaveBeenCalledExactlyOnceWith("r1", "one\ntwo", undefined);
  });

  it("sends nothing when there is nothing, or too much", async () => {
    const box = open();
    await userEvent.type(box, "   {Enter}");
    await userEvent.clear(box);
    await userEvent.click(box);
    await userEvent.paste("x".repeat(8001));
    await userEvent.type(box, "{Enter}");
    expect(actions.post).not.toHaveBeenCalled();
    expect(box.value).toHaveLength(8001);
  });

  it("edits the last own message with ArrowUp, only when empty", async () => {
    const messages = [
      said(1, "ana", "2026-11-20T09:00:00Z"),
      said(2, "ana", "2026-11-20T09:01:00Z", { deleted: true }),
      said(3, "ben", "2026-11-20T09:02:00Z"),
    ];
    const timeline = { messages, hasBefore: false, hasAfter: false, loading: null, error: null, unreadFrom: null };
    const box = open({ ...start, timelines: { r1: timeline } });
    await userEvent.type(box, "x{ArrowUp}");
    expect(useUi.getState().editing).toBeNull();
    await userEvent.type(box, "{Backspace}{ArrowUp}");
    expect(useUi.getState().editing).toBe("m1");
  });
});

describe("answers and drafts", () => {
  it("answers the chosen message once", async () => {
    const box = open();
    replyIn("r1", "m7");
    await userEvent.type(box, "yes{Enter}no{Enter}");
    expect(actions.post.mock.calls).toEqual([
      ["r1", "yes", "m7"],
      ["r1", "no", undefined],
    ]);
  });

  it("drops the answer with Escape", async () => {
    const box = open();
    replyIn("r1", "m7");
    await userEvent.type(box, "{Escape}");
    expect(useUi.getState().replying.r1).toBeUndefined();
  });

  it("begins with the draft and keeps it", async () => {
    const box = open({ ...start, drafts: { r1: "half a" } });
    expect(box.value).toBe("half a");
    await userEvent.type(box, " thought");
    expect(actions.setDraft).toHaveBeenLastCalledWith("r1", "half a thought");
  });

  it("takes a draft that arrives late, but never over what was typed", async () => {
    const box = open();
    useStore.setState({ drafts: { r1: "late" } });
    await eventually(() => expect(box.value).toBe("late"));
    await userEvent.type(box, "r");
    useStore.setState({ drafts: { r1: "elsewhere" } });
    expect(box.value).toBe("later");
  });
});

describe("completion", () => {
  it("completes a member with Enter and does not send", async () => {
    const box = open();
    await userEvent.type(box, "hi @ben{Enter}");
    expect(box.value).toBe("hi @Ben Okafor ");
    expect(actions.post).not.toHaveBeenCalled();
    expect(screen.queryByRole("listbox")).toBeNull();
  });

  it("walks the list with the arrows and names the active option", async () => {
    const box = open();
    await userEvent.type(box, "@be{ArrowDown}");
    const active = document.getElementById(box.getAttribute("aria-activedescendant") ?? "");
    expect(active?.getAttribute("aria-selected")).toBe("true");
    await userEvent.type(box, "{Tab}");
    expect(box.value).toBe(`@${active?.textContent?.includes("Bea") ? "Bea Ben-David" : "Ben Okafor"} `);
  });

  it("closes with Escape and then sends the text as it is", async () => {
    const box = open();
    await userEvent.type(box, "@ben{Escape}{Enter}");
    expect(actions.post).toHaveBeenCalledExactlyOnceWith("r1", "@ben", undefined);
  });

  it("completes an emoji by its name", async () => {
    const box = open();
    await userEvent.type(box, "done :tada");
    await screen.findByRole("listbox", { name: "Emoji" });
    await userEvent.type(box, "{Enter}");
    expect(box.value).toBe("done 🎉 ");
  });
});
