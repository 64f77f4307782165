import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useMemo } from "react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { TimelineMessage } from "../../src/core/store";
import { buildRows } from "../../src/ui/lib/rows";
import { useUi } from "../../src/ui/state";
import { actions, anew, said, useStore } from "./world";

vi.mock("../../src/ui/store", () => import("./world"));
const rendered = vi.hoisted(() => vi.fn());
vi.mock("../../src/ui/chat/MessageBody", async (original) => {
  const { MessageBody } = await original<typeof import("../../src/ui/chat/MessageBody")>();
  return {
    MessageBody(props: { message: TimelineMessage }) {
      rendered(props.message.id);
      return MessageBody(props);
    },
  };
});
const { MessageRow } = await import("../../src/ui/chat/MessageRow");

const NONE: TimelineMessage[] = [];
const AT = "2026-11-20T09:00:00.000Z";

/** The list as the timeline lays it out, without the virtual window, which needs a real layout. */
function List() {
  const messages = useStore((state) => state.timelines.r1?.messages ?? NONE);
  const rows = useMemo(() => buildRows(messages, { me: "ana", unreadFrom: null, knowsStart: true }), [messages]);
  return rows.map((row) => (
    <MessageRow
      key={row.key}
      message={row.message}
      where="r1"
      grouped={row.grouped}
      opensDay={row.opensDay}
      opensUnread={row.opensUnread}
      flash={false}
      tabStop={false}
      showSent={false}
    />
  ));
}

function show(messages: TimelineMessage[]) {
  useStore.setState({
    timelines: { r1: { messages, hasBefore: false, hasAfter: false, loading: null, error: null, unreadFrom: null } },
  });
}

function open(messages: TimelineMessage[]) {
  show(messages);
  render(<List />);
}

beforeEach(() => {
  anew();
  window.matchMedia ??= ((query: string) => ({
    matches: false,
    media: query,
    addEventListener() {},
    removeEventListener() {},
  })) as unknown as typeof window.matchMedia;
});
afterEach(cleanup);

describe("a row", () => {
  it("is rendered anew only when its own message changes", async () => {
    const messages = Array.from({ length: 50 }, (_, index) => said(index + 1, "ben", AT));
    open(messages);
    await screen.findAllByText("message 50");
    rendered.mockClear();
    const more = [...messages, said(51, "bea", AT)];
    show(more);
    await screen.findByText("message 51");
    expect(new Set(rendered.mock.calls.map(([id]) => id))).toEqual(new Set(["m51"]));
    rendered.mockClear();
    show(more.with(7, { ...(more[7] as TimelineMessage), body: "changed", edited_at: AT }));
    await screen.findByText("changed");
    expect(new Set(rendered.mock.calls.map(([id]) => id))).toEqual(new Set(["m8"]));
  });

  it("tells how its delivery fares", async () => {
    const failed = said(0, "ana", AT, { id: "p", key: "k", delivery: "failed", error: "This room is archived." });
    open([said(1, "ana", AT), { ...failed, id: "q", key: "j", delivery: "sending" }, failed]);
    const [sent, sending, last] = screen.getAllByRole("article");
    expect(sent?.dataset).toMatchObject({ delivery: "sent", messageSeq: "1" });
    expect(sending?.dataset.delivery).toBe("sending");
    expect(sending?.dataset.messageSeq).toBeUndefined();
    expect(last?.textContent).toContain("Not sent. This room is archived.");
    await userEvent.click(screen.getByRole("button", { name: "Retry" }));
    expect(actions.retry).toHaveBeenCalledExactlyOnceWith("k");
    await userEvent.click(screen.getByRole("button", { name: "Discard" }));
    expect(actions.discard).toHaveBeenCalledExactlyOnceWith("k");
  });

  it("offers to edit and delete only what one may", async () => {
    useStore.setState((state) => ({ me: state.people.ben }));
    open([said(1, "ben", AT), said(2, "ana", AT)]);
    const [own, other] = screen.getAllByRole("article") as [HTMLElement, HTMLElement];
    const user = userEvent.setup();
    await user.hover(own);
    const names = () => screen.getAllByRole("button").map((button) => button.getAttribute("aria-label"));
    expect(names()).toEqual(["React", "Reply", "Edit", "Make a task", "Copy link", "Delete"]);
    await user.hover(other);
    expect(names()).toEqual(["React", "Reply", "Make a task", "Copy link"]);
  });

  it("answers the root when an answer is answered", async () => {
    open([said(1, "ben", AT), said(2, "bea", AT, { reply_to: "m1" })]);
    await userEvent.hover(screen.getAllByRole("article")[1] as HTMLElement);
    await userEvent.click(screen.getByRole("button", { name: "Reply" }));
    expect(useUi.getState().replying.r1).toBe("m1");
  });

  it("takes a reaction back that one gave", async () => {
    open([said(1, "ben", AT, { reactions: [{ emoji: "👍", users: ["ana", "bea"] }] })]);
    const chip = screen.getByRole("button", { name: "👍 2, you and Bea Ben-David" });
    expect(chip.getAttribute("aria-pressed")).toBe("true");
    await userEvent.click(chip);
    expect(actions.react).toHaveBeenCalledExactlyOnceWith("m1", "👍", false);
  });

  it("leaves a tombstone where a message was deleted", () => {
    open([said(1, "ben", AT, { deleted: true, body: "" })]);
    expect(screen.getByRole("article").textContent).toContain("This message was deleted.");
  });
});
