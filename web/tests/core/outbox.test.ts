import { locks as nodeLocks } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { type Locks, webLocks } from "../../src/core/locks";
import { type Done, Outbox, type OutboxIO } from "../../src/core/outbox";
import { type Command, indexedStore, type OutboxStore } from "../../src/core/outbox-store";
import { unreachable } from "../../src/core/problem";
import type { Ack, Problem } from "../../src/core/wire";
import { eventually, message } from "./fixtures";

const ROOM = "room";
let databases = 0;

/** The server: applies each key once, answers a repeated one with the first answer. */
class Server {
  readonly posted: { key: string; body: string }[] = [];
  readonly asked: string[] = [];

  take(args: Record<string, unknown>): Ack<Done> {
    const key = String(args.key);
    this.asked.push(key);
    if (!this.posted.some((one) => one.key === key)) this.posted.push({ key, body: String(args.body) });
    const seq = this.posted.findIndex((one) => one.key === key) + 1;
    return { ok: true, seq, message: message(ROOM, seq, "me", { body: String(args.body) }) };
  }

  get bodies(): string[] {
    return this.posted.map((one) => one.body);
  }
}

/** A tab's outbox; `die` ends the tab as a crash does: it sends no more, and its locks fall. */
function tab(store: OutboxStore, send: OutboxIO["send"], name: string) {
  const held: (() => void)[] = [];
  const all = webLocks(nodeLocks as unknown as LockManager);
  const locks: Locks = {
    ...all,
    hold(lock) {
      const release = all.hold(lock);
      held.push(release);
      return release;
    },
  };
  const channel = new BroadcastChannel(name);
  const done: [Command, Done][] = [];
  let alive = true;
  const outbox = new Outbox({
    store,
    locks,
    channel,
    send: (event, args) => (alive ? send(event, args) : new Promise(() => {})),
    renew: async () => {},
    changed: () => {},
    acknowledged: (command, answer) => done.push([command, answer]),
    later: (ms, then) => {
      const timer = setTimeout(then, Math.min(ms, 5));
      return () => clearTimeout(timer);
    },
  });
  return {
    outbox,
    done,
    die() {
      alive = false;
      outbox.disconnected();
      for (const release of held) release();
      channel.close();
    },
  };
}

function fresh(): { store: OutboxStore; name: string } {
  databases += 1;
  return { store: indexedStore(`outbox-${databases}`), name: `channel-${databases}` };
}

const post = (outbox: Outbox, body: string, room = ROOM) => outbox.add("message.post", room, { room, body }, 0);

function refusal(status: number, detail = "No."): { ok: false; error: Problem } {
  return { ok: false, error: { type: "about:blank", title: detail, status, detail, request_id: "r" } };
}

describe("Outbox", () => {
  it("sends the commands of a room one after the other, in order", async () => {
    const { store, name } = fresh();
    const server = new Server();
    let flying = 0;
    const { outbox } = tab(
      store,
      async (_event, args) => {
        flying += 1;
        expect(flying).toBe(1);
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
        flying -= 1;
        return server.take(args);
      },
      name,
    );
    await outbox.open("me");
    outbox.connected();
    const bodies = ["one", "two", "three", "four", "five"];
    await Promise.all(bodies.map((body) => post(outbox, body)));
    expect(server.bodies).toEqual(bodies);
    await eventually(async () => expect(await store.all("me")).toEqual([]));
  });

  it("sends again what was sent and not acknowledged when the page was closed", async () => {
    const { store, name } = fresh();
    const server = new Server();
    const first = tab(
      store,
      async (_event, args) => {
        server.take(args);
        return new Promise(() => {});
      },
      name,
    );
    await first.outbox.open("me");
    first.outbox.connected();
    void post(first.outbox, "said before the crash").catch(() => {});
    void post(first.outbox, "never sent").catch(() => {});
    await eventually(() => expect(server.posted).toHaveLength(1));
    await eventually(async () => expect((await store.all("me")).map((one) => one.tries)).toEqual([1, 0]));
    first.die();

    const second = tab(store, async (_event, args) => server.take(args), name);
    await second.outbox.open("me");
    second.outbox.connected();
    await eventually(() => expect(second.done).toHaveLength(2));
    expect(server.bodies).toEqual(["said before the crash", "never sent"]);
    expect(server.asked).toHaveLength(3);
    await eventually(async () => expect(await store.all("me")).toEqual([]));
  });

  it("leaves another living tab's commands to that tab, and takes them over when it is gone", async () => {
    const { store, name } = fresh();
    const server = new Server();
    const first = tab(store, async () => new Promise(() => {}), name);
    const second = tab(store, async (_event, args) => server.take(args), name);
    await Promise.all([first.outbox.open("me"), second.outbox.open("me")]);
    first.outbox.connected();
    second.outbox.connected();
    void post(first.outbox, "from the first").catch(() => {});
    await post(second.outbox, "from the second");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(server.bodies).toEqual(["from the second"]);
    expect(second.outbox.list()).toEqual([]);
    first.die();
    await eventually(() => expect(server.bodies).toEqual(["from the second", "from the first"]));
  });

  it("keeps a refused message with the reason, until it is retried or discarded", async () => {
    const { store, name } = fresh();
    const server = new Server();
    let allowed = false;
    const { outbox } = tab(
      store,
      async (_event, args) => (allowed ? server.take(args) : refusal(403, "You may not write here")),
      name,
    );
    await outbox.open("me");
    outbox.connected();
    await expect(post(outbox, "one")).rejects.toMatchObject({ status: 403 });
    await expect(post(outbox, "two")).rejects.toMatchObject({ status: 403 });
    expect(outbox.list().map((one) => one.error)).toEqual(["You may not write here.", "You may not write here."]);
    expect(outbox.queued).toBe(0);
    allowed = true;
    const [one, two] = outbox.list();
    outbox.discard(two?.key ?? "");
    outbox.retry(one?.key ?? "");
    await eventually(() => expect(server.bodies).toEqual(["one"]));
    await eventually(() => expect(outbox.list()).toEqual([]));
  });

  it("keeps trying through a lost connection, a busy server and a token that ran out", async () => {
    const { store, name } = fresh();
    const server = new Server();
    const troubles: (() => Ack<Done>)[] = [
      () => {
        throw unreachable();
      },
      () => refusal(503),
      () => refusal(429),
      () => refusal(401),
    ];
    const { outbox } = tab(store, async (_event, args) => troubles.shift()?.() ?? server.take(args), name);
    await outbox.open("me");
    outbox.connected();
    await expect(post(outbox, "at last")).resolves.toMatchObject({ seq: 1 });
    expect(troubles).toEqual([]);
    expect(server.bodies).toEqual(["at last"]);
  });

  it("is done with a command that the log shows to be carried out, whatever becomes of the ack", async () => {
    const { store, name } = fresh();
    const { outbox } = tab(store, () => new Promise(() => {}), name);
    await outbox.open("me");
    outbox.connected();
    const answer = post(outbox, "one");
    outbox.confirm(outbox.list()[0]?.key ?? "", { seq: 7 });
    await expect(answer).resolves.toEqual({ seq: 7 });
    expect(outbox.queued).toBe(0);
    await eventually(async () => expect(await store.all("me")).toEqual([]));
  });

  it("forgets a refused edit, and tells whoever asked", async () => {
    const { store, name } = fresh();
    const { outbox } = tab(store, async () => refusal(403), name);
    await outbox.open("me");
    outbox.connected();
    await expect(outbox.add("message.edit", ROOM, { message: "m", body: "x" }, 0)).rejects.toMatchObject({
      status: 403,
    });
    expect(outbox.list()).toEqual([]);
  });

  it("never sends what another person left in this browser", async () => {
    const { store, name } = fresh();
    const server = new Server();
    const first = tab(store, async () => Promise.reject(unreachable()), name);
    await first.outbox.open("ann");
    void post(first.outbox, "ann's").catch(() => {});
    await eventually(async () => expect(await store.all("ann")).toHaveLength(1));
    first.outbox.close();
    first.die();
    const second = tab(store, async (_event, args) => server.take(args), name);
    await second.outbox.open("bob");
    second.outbox.connected();
    await post(second.outbox, "bob's");
    expect(server.bodies).toEqual(["bob's"]);
    expect(await store.all("ann")).toHaveLength(1);
    second.outbox.close();
    await second.outbox.open("ann");
    await eventually(() => expect(server.bodies).toEqual(["bob's", "ann's"]));
  });

  it("works on in memory when the browser has no database to give", async () => {
    const broken: OutboxStore = {
      all: () => Promise.reject(new Error("denied")),
      put: () => Promise.reject(new Error("denied")),
      remove: () => Promise.reject(new Error("denied")),
      adopt: () => Promise.reject(new Error("denied")),
    };
    const server = new Server();
    const { outbox } = tab(broken, async (_event, args) => server.take(args), fresh().name);
    await outbox.open("me");
    outbox.connected();
    await post(outbox, "kept in memory");
    expect(server.bodies).toEqual(["kept in memory"]);
  });
});
