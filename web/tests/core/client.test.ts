import { afterEach, describe, expect, it } from "vitest";
import type { makeClient } from "../../src/core/client";
import { WINDOW } from "../../src/core/timeline";
import { FakeServer, ROOM } from "./fake-server";
import { eventually, roomView } from "./fixtures";

type Client = ReturnType<typeof makeClient>;
const running: Client[] = [];

afterEach(() => {
  for (const { core } of running.splice(0)) {
    core.connection.stop();
    core.outbox.close();
    core.rooms.clear();
    core.live.stop();
  }
  localStorage.clear();
});

async function page(server: FakeServer): Promise<Client> {
  const client = server.client();
  running.push(client);
  await client.actions.start();
  await eventually(() => expect(client.useStore.getState().connection.state).toBe("online"));
  return client;
}

const timeline = (client: Client) => client.useStore.getState().timelines[ROOM];
const shown = (client: Client) =>
  (timeline(client)?.messages ?? []).map(({ body, delivery }) => `${body} (${delivery})`);
const room = (client: Client) => client.useStore.getState().rooms[ROOM];

function gate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}

describe("a message of one's own", () => {
  it("is there at once, is confirmed by its ack, and is there once", async () => {
    const server = new FakeServer();
    const client = await page(server);
    await client.actions.openRoom(ROOM);
    server.silent = true;
    client.actions.post(ROOM, "hello");
    expect(shown(client)).toEqual(["hello (sending)"]);
    const { key } = timeline(client)?.messages[0] ?? {};
    await eventually(() => expect(shown(client)).toEqual(["hello (sent)"]));
    expect(timeline(client)?.messages[0]?.key).toBe(key);
    server.socket.push("entries", server.logs[ROOM]);
    expect(shown(client)).toEqual(["hello (sent)"]);
    expect(client.useStore.getState().connection.queued).toBe(0);
  });

  it("is confirmed by its entry when the ack is lost", async () => {
    const server = new FakeServer();
    const client = await page(server);
    await client.actions.openRoom(ROOM);
    server.losesAcks = true;
    client.actions.post(ROOM, "hello");
    await eventually(() => expect(shown(client)).toEqual(["hello (sent)"]));
    expect(client.core.outbox.list()).toEqual([]);
  });

  it("is shown once after a crash between sending and ack, and is posted once", async () => {
    const server = new FakeServer();
    const first = await page(server);
    await first.actions.openRoom(ROOM);
    server.losesAcks = true;
    server.silent = true;
    first.actions.post(ROOM, "hello");
    await eventually(() => expect(server.messages).toHaveLength(1));
    first.core.connection.stop();
    first.core.outbox.close();

    const second = server.client();
    running.push(second);
    const seen: string[][] = [];
    second.useStore.subscribe(() => {
      const list = shown(second);
      if (list.length) seen.push(list);
    });
    await second.actions.start();
    await second.actions.openRoom(ROOM);
    await eventually(() => expect(server.commands.filter(({ event }) => event === "message.post")).toHaveLength(2));
    server.losesAcks = false;
    server.socket.drop();
    await eventually(() => expect(second.core.outbox.list()).toEqual([]));
    expect(shown(second)).toEqual(["hello (sent)"]);
    expect(server.messages).toHaveLength(1);
    expect(seen.every((list) => list.length === 1)).toBe(true);
  });

  it("waits while offline, keeps its place in a reload of the timeline, and goes when the connection is back", async () => {
    const server = new FakeServer();
    const client = await page(server);
    await client.actions.openRoom(ROOM);
    server.socket.onConnect = () => {
      throw new Error("unreachable");
    };
    server.socket.drop();
    client.actions.post(ROOM, "one");
    client.actions.post(ROOM, "two");
    server.post("ann", "meanwhile");
    await client.core.timelines.refresh(ROOM);
    expect(shown(client)).toEqual(["meanwhile (sent)", "one (sending)", "two (sending)"]);
    expect(client.useStore.getState().connection.queued).toBe(2);
    server.socket.onConnect = () => {};
    client.core.connection.wake();
    await eventually(() => expect(shown(client)).toEqual(["meanwhile (sent)", "one (sent)", "two (sent)"]));
  });
});

describe("a timeline", () => {
  it.each([
    ["before the page was read", true],
    ["after the page was read", false],
  ])("misses and doubles nothing of what is posted while its page is on the way, %s", async (_when, before) => {
    const server = new FakeServer();
    for (let count = 1; count <= 3; count += 1) server.post("ann", `m${count}`);
    const client = await page(server);
    const { opened, open } = gate();
    server.hold = (path) => (path.includes("/messages") ? opened : undefined);
    if (before) {
      server.silent = true;
      server.post("ann", "m4");
      server.silent = false;
    }
    const opening = client.actions.openRoom(ROOM);
    await eventually(() => expect(server.asked.some((line) => line.includes("/messages"))).toBe(true));
    server.post("ann", "m5");
    open();
    await opening;
    const expected = before ? ["m1", "m2", "m3", "m4", "m5"] : ["m1", "m2", "m3", "m5"];
    await eventually(() => expect(timeline(client)?.messages.map((one) => one.body)).toEqual(expected));
    expect(room(client)?.unread).toBe(expected.length);
  });

  it("keeps a bounded window, and gives back at the start what it lets go at the end", async () => {
    const server = new FakeServer();
    for (let count = 0; count < WINDOW + 100; count += 1) server.post("ann", `m${count}`);
    const client = await page(server);
    await client.actions.openRoom(ROOM);
    for (let count = 0; timeline(client)?.hasBefore && count < 60; count += 1) await client.actions.loadBefore(ROOM);
    expect(timeline(client)).toMatchObject({ hasBefore: false, hasAfter: true, loading: null });
    expect(timeline(client)?.messages).toHaveLength(WINDOW);
    expect(timeline(client)?.messages[0]?.body).toBe("m0");
    server.post("ann", "live");
    expect(timeline(client)?.messages.at(-1)?.body).not.toBe("live");
    await client.actions.jumpToEnd(ROOM);
    expect(timeline(client)?.messages.at(-1)?.body).toBe("live");
    expect(timeline(client)?.hasAfter).toBe(false);
  });

  it("lets go of the oldest when live messages fill the window", async () => {
    const server = new FakeServer();
    const client = await page(server);
    await client.actions.openRoom(ROOM);
    for (let count = 0; count < WINDOW + 10; count += 1) server.post("ann", `m${count}`);
    expect(timeline(client)?.messages).toHaveLength(WINDOW);
    expect(timeline(client)?.hasBefore).toBe(true);
    expect(timeline(client)?.messages[0]?.body).toBe("m10");
  });

  it("goes on from the surroundings of a message to the end", async () => {
    const server = new FakeServer();
    for (let count = 1; count <= 200; count += 1) server.post("ann", `m${count}`);
    const client = await page(server);
    await client.actions.jumpTo(ROOM, 50);
    expect(timeline(client)).toMatchObject({ hasBefore: true, hasAfter: true });
    server.post("ann", "m201");
    for (let count = 0; timeline(client)?.hasAfter && count < 10; count += 1) await client.actions.loadAfter(ROOM);
    const seqs = timeline(client)?.messages.map((one) => one.seq) ?? [];
    expect(seqs.at(-1)).toBe(201);
    expect(seqs).toEqual(seqs.map((_seq, at) => (seqs[0] ?? 0) + at));
  });

  it("says why it can't be loaded, and loads when the connection is back", async () => {
    const server = new FakeServer();
    server.post("ann", "m1");
    const client = await page(server);
    server.hold = (path) => (path.includes("/messages") ? Promise.reject(new TypeError("Failed to fetch")) : undefined);
    await client.actions.openRoom(ROOM);
    expect(timeline(client)?.error).toBe("The server can't be reached. Check your connection and try again.");
    server.hold = null;
    server.socket.drop();
    await eventually(() => expect(shown(client)).toEqual(["m1 (sent)"]));
    expect(timeline(client)?.error).toBeNull();
  });
});

describe("what the log brings", () => {
  it("is counted when it was missed, and told after the reconnect", async () => {
    const server = new FakeServer();
    const client = await page(server);
    await client.actions.openRoom(ROOM);
    server.socket.drop();
    for (let count = 0; count < 3; count += 1) server.post("ann", `m${count}`);
    await eventually(() => expect(client.useStore.getState().connection.caughtUp).toBe(3));
    expect(shown(client)).toHaveLength(3);
    expect(room(client)?.unread).toBe(3);
  });

  it("takes a person into a room and out of it", async () => {
    const server = new FakeServer();
    const client = await page(server);
    server.logs.second = [];
    server.views.push(roomView("second", { kind: "private", members: ["me"] }));
    server.append("me", "member.joined", { room: "second", user: "me" });
    await eventually(() => expect(client.core.follower.cursor("second")).toBe(0));
    expect(client.useStore.getState().rooms.second?.joined).toBe(true);
    server.socket.push("reset", { stream: "second", head: 0, reason: "withdrawn" });
    server.append("me", "member.left", { room: "second", user: "me" });
    expect(client.useStore.getState().rooms.second).toBeUndefined();
    expect(client.core.follower.cursor("second")).toBeUndefined();
  });

  it("loads a room afresh after a reset", async () => {
    const server = new FakeServer();
    server.post("ann", "m1");
    const client = await page(server);
    await client.actions.openRoom(ROOM);
    server.silent = true;
    for (let count = 2; count <= 5; count += 1) server.post("ann", `m${count}`);
    server.silent = false;
    server.socket.push("reset", { stream: ROOM, head: 5, reason: "too_old" });
    await eventually(() => expect(shown(client)).toHaveLength(5));
    server.post("ann", "m6");
    await eventually(() => expect(shown(client)).toHaveLength(6));
    expect(room(client)?.unread).toBe(6);
  });

  it("moves the read mark once for many calls, and never back", async () => {
    const server = new FakeServer();
    for (let count = 1; count <= 5; count += 1) server.post("ann", `m${count}`);
    const client = await page(server);
    await client.actions.openRoom(ROOM);
    expect(timeline(client)?.unreadFrom).toBe(0);
    for (const seq of [2, 3, 1, 3]) client.actions.markRead(ROOM, seq);
    expect(room(client)).toMatchObject({ read: 3, unread: 2 });
    await eventually(() => expect(server.commands.filter(({ event }) => event === "room.read")).toHaveLength(1));
    expect(server.commands.find(({ event }) => event === "room.read")?.argument).toMatchObject({ seq: 3 });
    server.append("me", "read.moved", { room: ROOM, seq: 5 }, "me");
    expect(room(client)).toMatchObject({ read: 5, unread: 0 });
  });
});

describe("signing out", () => {
  it("forgets what was on the screen, and keeps outbox and drafts for when the person is back", async () => {
    const server = new FakeServer();
    server.post("ann", "m1");
    const client = await page(server);
    await client.actions.openRoom(ROOM);
    server.socket.onConnect = () => {
      throw new Error("unreachable");
    };
    server.socket.drop();
    client.actions.post(ROOM, "unsent");
    client.actions.setDraft(ROOM, "unfinished");
    await eventually(async () => expect(await client.core.environment.outbox.all("me")).toHaveLength(1));
    await client.actions.signOut();
    expect(client.useStore.getState()).toMatchObject({
      phase: "signed-out",
      me: null,
      rooms: {},
      timelines: {},
      drafts: {},
    });
    await client.actions.signIn({ email: "me@example.com", password: "secret" });
    await client.actions.openRoom(ROOM);
    await eventually(() => expect(shown(client)).toEqual(["m1 (sent)", "unsent (sent)"]));
    expect(client.useStore.getState().drafts).toEqual({ [ROOM]: "unfinished" });
  });
});

describe("drafts", () => {
  it("survive a reload, per place and person", async () => {
    const server = new FakeServer();
    const first = await page(server);
    first.actions.setDraft(ROOM, "half a thought");
    first.actions.setDraft("thread", "another");
    first.actions.setDraft("thread", "");
    first.core.drafts.flush();
    const second = await page(server);
    expect(second.useStore.getState().drafts).toEqual({ [ROOM]: "half a thought" });
    expect(second.core.drafts.open("somebody else")).toEqual({});
  });
});

describe("presence", () => {
  it("comes one by one and many at once", async () => {
    const server = new FakeServer();
    const client = await page(server);
    const signal = (actor: string, data: object) =>
      server.socket.push("signal", { stream: ROOM, kind: "presence", actor, data });
    const online = () => Object.keys(client.useStore.getState().online).sort();
    signal("ann", { online: true });
    expect(online()).toEqual(["ann", "me"]);
    signal("", { online: ["bob", "cora"], offline: ["ann", "nobody"] });
    expect(online()).toEqual(["bob", "cora", "me"]);
    signal("bob", { online: false });
    expect(online()).toEqual(["cora", "me"]);
  });
});
