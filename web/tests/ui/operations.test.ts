import { describe, expect, it } from "vitest";
import type { Snapshot, Worker, WorkerState } from "../../src/core/operations";
import { availability, bytes, duration, rate, span } from "../../src/ui/operations/format";
import { nearest, niceMost, pathsOf, runsOf, ticksOf } from "../../src/ui/operations/geometry";
import {
  hear,
  join,
  judge,
  lanesOf,
  NOTHING,
  type Past,
  type Point,
  pointOf,
  pointsOf,
  shareReady,
} from "../../src/ui/operations/model";

const START = 1_800_000_000;

function worker(name: string, state: WorkerState = "ready", more: Partial<Worker> = {}): Worker {
  return {
    name,
    kind: "worker",
    colour: "blue",
    state,
    release: "1",
    reason: "",
    pid: 1,
    port: 3001,
    restarts: 0,
    uptime: 1,
    memory: 1,
    cpu: 0.1,
    lag: 0,
    sockets: 0,
    ...more,
  };
}

function snapshot(at: number, workers: Worker[], more: Partial<Snapshot["figures"]> = {}): Snapshot {
  return {
    at: new Date((START + at) * 1000).toISOString(),
    node: "blue-1",
    version: "1",
    environment: "production",
    checks: { database: "ok" },
    figures: {
      people: at,
      active: 0,
      sockets: 0,
      messages_per_second: 0,
      requests_per_second: 0,
      errors_per_second: 0,
      answer_median: null,
      answer_p95: null,
      lag: 0,
      ready: workers.length,
      wanted: workers.length,
      ...more,
    },
    workers,
    fleet: { state: "ok", alarms: [] },
  };
}

const heard = (...snapshots: Snapshot[]) => snapshots.reduce((kept, one) => hear(kept, one, 0), NOTHING);

function points(...places: [at: number, people: number | null][]): Point[] {
  const { figures } = snapshot(0, []);
  return places.map(([at, people]) => ({ ...pointOf(figures, START + at), people }));
}

describe("what is heard", () => {
  it("keeps each moment once, and drops what comes late", () => {
    const kept = heard(
      snapshot(2, [worker("a", "ready", { cpu: 0.1 })]),
      snapshot(4, [worker("a", "ready", { cpu: 0.2 })]),
      snapshot(4, []),
      snapshot(3, []),
    );
    expect(kept.live.map((point) => point.people)).toEqual([2, 4]);
    expect(kept.trails.a).toEqual([0.1, 0.2]);
    expect(kept.snapshot?.workers).toHaveLength(1);
  });

  it("stays bounded, however long one looks", () => {
    let kept = NOTHING;
    for (let at = 0; at < 5_000; at += 2) kept = hear(kept, snapshot(at, [worker(`w${at}`, "ready")]), 0);
    expect(kept.live.length).toBeLessThanOrEqual(400);
    expect(Object.keys(kept.spans).length).toBeLessThanOrEqual(100);
    expect(Object.keys(kept.trails)).toEqual(["w4998"]);
  });

  it("goes on where the past ends", () => {
    const past: Past = { step: 10, points: points([-700, 1], [-20, 2], [-10, 3], [0, 4]), lanes: [] };
    const { live } = heard(snapshot(-4, []), snapshot(2, []), snapshot(4, []));
    const all = pointsOf(past, live, "live", START + 4);
    expect(all.map((point) => point.at - START)).toEqual([-20, -10, -4, 2, 4]);
    const hour = pointsOf(past, live, "hour", START + 4);
    expect(hour.map((point) => point.at - START)).toEqual([-700, -20, -10, 0, 4]);
  });
});

describe("states", () => {
  it("joins what is the same and near", () => {
    let spans = join([], [0, 0, "ready"], 5);
    for (const at of [2, 4, 20, 22]) spans = join(spans, [at, at, "ready"], 5);
    spans = join(spans, [24, 24, "draining"], 5);
    spans = join(spans, [23, 23, "ready"], 5);
    expect(spans).toEqual([
      [0, 4, "ready"],
      [20, 24, "ready"],
      [24, 24, "draining"],
    ]);
  });

  it("draws the past and the present in one lane, today's workers first", () => {
    const past: Past = {
      step: 10,
      points: [],
      lanes: [
        { name: "gone", spans: [[START - 400, START - 290, "failed"]] },
        { name: "blue-1", spans: [[START - 900, START, "ready"]] },
        { name: "older", spans: [[START - 900, START - 800, "ready"]] },
      ],
    };
    const kept = heard(snapshot(4, [worker("blue-1")]), snapshot(8, [worker("blue-1", "draining")]));
    expect(lanesOf(past, kept, START - 600, START + 8)).toEqual([
      {
        name: "blue-1",
        spans: [
          [START - 600, START + 8, "ready"],
          [START + 8, START + 8, "draining"],
        ],
      },
      { name: "gone", spans: [[START - 400, START - 300, "failed"]] },
    ]);
  });

  it("counts the time in which a worker could serve", () => {
    expect(
      shareReady([
        [0, 90, "ready"],
        [90, 95, "draining"],
        [95, 100, "failed"],
        [100, 900, "warm"],
      ]),
    ).toBe(0.95);
    expect(
      shareReady([
        [0, 50, "starting"],
        [50, 140, "ready"],
        [140, 150, "starting"],
      ]),
    ).toBe(0.9);
    expect(shareReady([[0, 9, "stopped"]])).toBeNull();
    expect(availability(1)).toBe("100 %");
    expect(availability(0.999_99)).toContain("99");
  });

  it("says the worst in one sentence", () => {
    expect(judge(snapshot(0, [worker("a"), worker("b")])).mood).toBe("good");
    expect(judge(snapshot(0, [worker("a"), worker("b", "failed")])).text).toBe("b is out of service");
    expect(judge(snapshot(0, [worker("a")], { wanted: 2 }))).toEqual({
      mood: "uneasy",
      text: "1 of 2 workers are ready",
    });
    expect(judge({ ...snapshot(0, [worker("a")]), checks: { redis: "failed" } }).text).toBe("redis: failed");
    const alarm = { name: "x", about: "", text: "", since: 1, until: 0 };
    expect(judge({ ...snapshot(0, [worker("a")]), fleet: { state: "ok", alarms: [alarm] } }).text).toBe(
      "One alarm is open",
    );
  });
});

describe("charts", () => {
  const scale = { from: START, to: START + 100, width: 100, top: 0, height: 50, most: 10 };

  it("leaves a hole where nothing was recorded", () => {
    const some = points([0, 1], [10, 2], [20, null], [30, 3], [90, 4]);
    expect(runsOf(some, "people", 25).map((run) => run.length)).toEqual([2, 1, 1]);
    const { line, area } = pathsOf(some, "people", scale, 25);
    expect(line).toBe("M0,45L10,40M30,35h0.01M90,30h0.01");
    expect(area.match(/Z/g)).toHaveLength(3);
    expect(pathsOf([], "people", scale, 25)).toEqual({ line: "", area: "" });
  });

  it("keeps what is too large inside", () => {
    expect(pathsOf(points([0, 99], [10, 0]), "people", scale, 25).line).toBe("M0,0L10,50");
  });

  it("ends its axis at a round number", () => {
    expect([0, 3, 11, 65, 801].map((largest) => niceMost(largest, 1))).toEqual([1, 4, 20, 80, 1000]);
    expect(niceMost(0.0042, 0.01)).toBeCloseTo(0.01);
  });

  it("has few round moments below it", () => {
    for (const [seconds, most] of [
      [600, 5],
      [3_600, 4],
      [86_400, 6],
      [604_800, 4],
    ] as const) {
      const ticks = ticksOf(START, START + seconds, most);
      expect(ticks.length).toBeGreaterThan(0);
      expect(ticks.length).toBeLessThanOrEqual(most + 1);
      expect(ticks.every((at) => at >= START && at <= START + seconds)).toBe(true);
    }
  });

  it("finds the moment under the pointer", () => {
    const some = points([0, 1], [10, 2], [50, 3]);
    expect(nearest(some, START + 12, 10)?.people).toBe(2);
    expect(nearest(some, START + 30, 10)).toBeNull();
  });
});

describe("figures", () => {
  it("are short and have their unit", () => {
    expect([span(null), span(0), span(0.0012), span(0.0834), span(2.31)].map((text) => text.replace(",", "."))).toEqual(
      ["–", "0 ms", "1.2 ms", "83 ms", "2.3 s"],
    );
    expect([duration(59), duration(720), duration(11_100), duration(187_200), duration(-5)]).toEqual([
      "59 s",
      "12 min",
      "3 h 5 min",
      "2 d 4 h",
      "0 s",
    ]);
    expect([bytes(0), bytes(104_857_600), bytes(undefined)]).toEqual(["0 B", "100 MiB", "–"]);
    expect(rate(null)).toBe("–");
  });
});
