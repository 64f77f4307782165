import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Follower, type FollowerIO } from "../../src/core/follower";
import { ApiError, unreachable } from "../../src/core/problem";
import type { EntriesPage, Entry, FollowAnswer, Id } from "../../src/core/wire";
import { entry, randomFrom, turns } from "./fixtures";

/** A server with its log, a connection that misbehaves, and a client whose state is the list of entries it applied. */
class World {
  readonly log = new Map<Id, Entry[]>();
  readonly floors = new Map<Id, number>();
  readonly seen = new Map<Id, number[]>();
  readonly timers: (() => void)[] = [];
  readonly wire: (() => void)[] = [];
  readonly follower: Follower;
  following = new Set<Id>();
  online = false;
  honest = false;
  reloads = 0;
  fetches = 0;
  settled = 0;
  refused: Id[] = [];

  constructor(
    streams: Id[],
    readonly random: () => number = () => 0.5,
    change: Partial<FollowerIO> = {},
  ) {
    for (const id of streams) {
      this.log.set(id, []);
      this.seen.set(id, []);
    }
    this.follower = new Follower({
      follow: (cursors) => this.answerFollow(cursors),
      unfollow: (ids) => {
        for (const id of ids) this.following.delete(id);
      },
      fetchEntries: (id, after) => this.answerEntries(id, after),
      apply: (entries) => {
        for (const { stream, seq } of entries) this.seen.get(stream)?.push(seq);
      },
      reload: async (id) => {
        this.reloads += 1;
        await this.delay();
        const head = this.head(id);
        this.seen.set(
          id,
          Array.from({ length: head }, (_, at) => at + 1),
        );
        return head;
      },
      refused: (id) => this.refused.push(id),
      settled: () => {
        this.settled += 1;
      },
      later: (_ms, then) => {
        this.timers.push(then);
        return () => {
          const at = this.timers.indexOf(then);
          if (at >= 0) this.timers.splice(at, 1);
        };
      },
      ...change,
    });
  }

  head(id: Id): number {
    return this.log.get(id)?.length ?? 0;
  }

  append(id: Id): Entry {
    const added = entry(id, this.head(id) + 1);
    this.log.get(id)?.push(added);
    return added;
  }

  deliver(batch: Entry[]): void {
    if (this.online && batch.every((one) => this.following.has(one.stream))) this.follower.entries(batch);
  }

  connect(): void {
    this.online = true;
    this.following = new Set();
    this.follower.connected();
  }

  disconnect(): void {
    this.online = false;
    this.following = new Set();
    this.wire.length = 0;
    this.follower.disconnected();
  }

  private async delay(): Promise<void> {
    for (let turn = Math.floor(this.random() * 4); turn > 0; turn -= 1) await Promise.resolve();
  }

  private lost(): boolean {
    return !this.honest && this.random() < 0.15;
  }

  private async answerFollow(cursors: Record<Id, number>): Promise<Record<Id, FollowAnswer>> {
    await this.delay();
    if (!this.online || this.lost()) throw unreachable();
    const answers: Record<Id, FollowAnswer> = {};
    for (const [id, cursor] of Object.entries(cursors)) {
      const head = this.head(id);
      if (cursor < (this.floors.get(id) ?? 0) || cursor > head) {
        answers[id] = { reset: true, head };
        continue;
      }
      this.following.add(id);
      answers[id] = { head, cutoff: head };
      const missed = this.log.get(id)?.slice(cursor, head) ?? [];
      for (let at = 0; at < missed.length; at += 3) this.wire.push(() => this.deliver(missed.slice(at, at + 3)));
      this.wire.push(() => this.online && this.follower.caughtUp(id, head));
    }
    return answers;
  }

  private async answerEntries(id: Id, after: number): Promise<EntriesPage> {
    this.fetches += 1;
    await this.delay();
    if (this.lost()) throw unreachable();
    const head = this.head(id);
    const reset = after < (this.floors.get(id) ?? 0);
    await this.delay();
    return { items: reset ? [] : (this.log.get(id)?.slice(after, after + 4) ?? []), head, reset };
  }

  async quiet(): Promise<void> {
    for (let round = 0; round < 200; round += 1) {
      await turns();
      const work = this.wire.splice(0).concat(this.timers.splice(0));
      if (!work.length && round > 2) return;
      for (const one of work) one();
    }
  }
}

function upTo(head: number): number[] {
  return Array.from({ length: head }, (_, at) => at + 1);
}

/** Random posts, losses, repeats, reorderings, disconnects and forgotten logs; then an honest connection. */
async function storm(seed: number): Promise<void> {
  const random = randomFrom(seed);
  const streams = ["a", "b", "c"];
  const world = new World(streams, random);
  for (const id of streams) world.follower.track(id, 0);
  world.connect();
  for (let step = 0; step < 150; step += 1) {
    const id = streams[Math.floor(random() * streams.length)] as Id;
    const dice = random();
    if (dice < 0.6) {
      const added = world.append(id);
      const fate = random();
      if (fate > 0.15) world.wire.push(() => world.deliver([added]));
      if (fate > 0.9) world.wire.push(() => world.deliver([added]));
    } else if (dice < 0.65) world.disconnect();
    else if (dice < 0.75) {
      if (!world.online) world.connect();
    } else if (dice < 0.77) world.floors.set(id, Math.max(0, world.head(id) - 5));
    else if (dice < 0.8 && world.timers.length) world.timers.splice(0, 1)[0]?.();
    else if (dice < 0.82) world.follower.reset(id, "test");
    else {
      const at = Math.floor(random() * Math.min(3, world.wire.length));
      world.wire.splice(at, 1)[0]?.();
    }
    await turns(Math.floor(random() * 3));
  }
  world.honest = true;
  if (!world.online) world.connect();
  world.wire.push(() => world.follower.heads(Object.fromEntries(streams.map((id) => [id, world.head(id)]))));
  await world.quiet();
  for (const id of streams) {
    expect(world.seen.get(id), `stream ${id}`).toEqual(upTo(world.head(id)));
    expect(world.follower.cursor(id)).toBe(world.head(id));
  }
}

describe("Follower", () => {
  it("applies each entry once and in order, whatever the connection does", async () => {
    await fc.assert(fc.asyncProperty(fc.integer(), storm), { numRuns: 300 });
  });

  it("drops what it has, applies what is next and fetches a hole", async () => {
    const world = new World(["a"]);
    world.follower.track("a", 0);
    world.connect();
    await world.quiet();
    const [one, two, three, four] = [1, 2, 3, 4].map(() => world.append("a")) as [Entry, Entry, Entry, Entry];
    world.deliver([one, one]);
    expect(world.seen.get("a")).toEqual([1]);
    world.deliver([four]);
    world.deliver([two]);
    expect(world.seen.get("a")).toEqual([1, 2]);
    await world.quiet();
    expect(world.seen.get("a")).toEqual([1, 2, 3, 4]);
    expect(world.fetches).toBe(1);
    world.deliver([three]);
    expect(world.seen.get("a")).toEqual([1, 2, 3, 4]);
  });

  it("notices by heads what never arrived", async () => {
    const world = new World(["a"]);
    world.follower.track("a", 0);
    world.connect();
    await world.quiet();
    world.append("a");
    world.follower.heads({ a: 1 });
    expect(world.seen.get("a")).toEqual([]);
    await world.quiet();
    expect(world.seen.get("a")).toEqual([1]);
  });

  it("keeps a bounded number of entries that came too early", async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const world: World = new World(["a"], undefined, {
      fetchEntries: async (id, after) => {
        await held;
        return { items: world.log.get(id)?.slice(after, after + 200) ?? [], head: world.head(id), reset: false };
      },
    });
    world.follower.track("a", 0);
    world.connect();
    await world.quiet();
    const entries = upTo(2_000).map(() => world.append("a"));
    for (const early of entries.slice(1)) world.deliver([early]);
    release();
    await world.quiet();
    expect(world.seen.get("a")).toEqual(upTo(2_000));
  });

  it("loads the state afresh when the log is shorter than what was seen", async () => {
    const world = new World(["a"]);
    world.append("a");
    world.follower.track("a", 7);
    world.connect();
    await world.quiet();
    expect(world.reloads).toBe(1);
    expect(world.follower.cursor("a")).toBe(1);
  });

  it("loads the state afresh when an entry cannot be applied", async () => {
    const world: World = new World(["a"], undefined, {
      apply: () => {
        throw new Error("no such message");
      },
    });
    world.follower.track("a", 0);
    world.connect();
    await world.quiet();
    world.deliver([world.append("a")]);
    await world.quiet();
    expect(world.reloads).toBe(1);
    expect(world.follower.cursor("a")).toBe(1);
  });

  it("lets go of a stream that is refused", async () => {
    const problem = { type: "", title: "", status: 404, detail: "There is no such stream.", request_id: "" };
    const world = new World(["a"], undefined, { follow: async () => ({ a: { error: problem } }) });
    world.follower.track("a", 0);
    world.connect();
    await world.quiet();
    expect(world.refused).toEqual(["a"]);
    expect(world.follower.cursor("a")).toBeUndefined();
  });

  it("waits as long as the server asks before it follows again", async () => {
    const waits: number[] = [];
    const world = new World(["a"], undefined, {
      follow: async () => {
        throw new ApiError("busy", 503, null, 5);
      },
      later: (ms) => {
        waits.push(ms);
        return () => {};
      },
    });
    world.follower.track("a", 0);
    world.connect();
    await turns();
    expect(waits).toHaveLength(1);
    expect(waits[0]).toBeGreaterThanOrEqual(5_000);
  });

  it("says once per connection that everything missed has arrived", async () => {
    const world = new World(["a", "b"]);
    world.follower.track("a", 0);
    world.follower.track("b", 0);
    world.append("a");
    world.connect();
    expect(world.settled).toBe(0);
    await world.quiet();
    expect(world.settled).toBe(1);
    world.disconnect();
    world.append("b");
    world.connect();
    await world.quiet();
    expect(world.settled).toBe(2);
    expect(world.seen.get("b")).toEqual([1]);
  });
});
