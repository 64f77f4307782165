/** What the operations page asks the server, and follows. Loaded with that page. */
import { core } from "./store-instance";
import type { Id, Page } from "./wire";

export type WorkerState =
  | "ready"
  | "degraded"
  | "draining"
  | "warm"
  | "starting"
  | "stopping"
  | "stopped"
  | "deaf"
  | "failed";

/** Times are in seconds, rates per second, memory in bytes. */
export interface Worker {
  name: string;
  kind: "worker" | "proxy" | "service";
  colour: string;
  state: WorkerState;
  release: string;
  /** Why it is in this state. */
  reason: string;
  pid: number;
  port: number;
  /** null where no supervisor counts them. */
  restarts: number | null;
  uptime: number | null;
  memory: number;
  cpu: number;
  lag: number | null;
  sockets: number | null;
  people?: number;
  requests_per_second?: number;
  errors_per_second?: number;
  answer_p95?: number | null;
  /** Its checks that are not ok. */
  checks?: Record<string, string>;
}

export interface Figures {
  people: number;
  active: number;
  sockets: number;
  messages_per_second: number;
  requests_per_second: number;
  errors_per_second: number;
  answer_median: number | null;
  answer_p95: number | null;
  lag: number;
  ready: number;
  wanted: number;
}

/** `started_at`, `ended_at`, `since` and `until`: seconds since the epoch; 0 while it goes on. */
export interface Rollout {
  id: string;
  who: string;
  started_at: number;
  ended_at: number;
  of: string;
  to: string;
  step: string;
  outcome: "" | "done" | "failed" | "rolled back";
  reason: string;
}

export interface Alarm {
  name: string;
  about: string;
  text: string;
  since: number;
  until: number;
}

export interface Host {
  cpu?: number;
  memory_used?: number;
  memory_total?: number;
  disk_used?: number;
  disk_total?: number;
  network_in?: number;
  network_out?: number;
  load?: number;
}

export interface Fleet {
  /** "none": nobody supervises this process. "silent": the supervisor does not answer; the rest is what it said last. */
  state: "none" | "ok" | "silent";
  problem?: string;
  mode?: string;
  release?: string;
  colour?: string;
  host?: Host;
  rollout?: Rollout | null;
  rollouts?: Rollout[];
  alarms?: Alarm[];
}

export interface Snapshot {
  at: string;
  node: string;
  version: string;
  environment: string;
  checks: Record<string, string>;
  figures: Figures;
  workers: Worker[];
  fleet: Fleet;
}

/** [from, to, state], in seconds since the epoch. */
export type Span = [from: number, to: number, state: WorkerState];

export interface History {
  /** Seconds from one sample to the next. */
  step: number;
  at: number[];
  people: (number | null)[];
  active: (number | null)[];
  sockets: (number | null)[];
  messages: (number | null)[];
  requests: (number | null)[];
  errors: (number | null)[];
  answer_median: (number | null)[];
  answer_p95: (number | null)[];
  lag: (number | null)[];
  ready: (number | null)[];
  wanted: (number | null)[];
  health: { name: string; spans: Span[] }[];
}

export interface ErrorReport {
  id: Id;
  fingerprint: string;
  source: "browser" | "server";
  message: string;
  stack: string;
  place: string;
  release: string;
  browser: string;
  request_id: string;
  node: string;
  count: number;
  first_at: string;
  last_at: string;
}

export const loadHistory = (hours: number) => core.api.get<History>("/api/operations/history", { hours });

export const loadErrors = (cursor?: string) =>
  core.api.get<Page<ErrorReport>>("/api/operations/errors", { limit: 20, cursor });

/** Tells `heard` the figures now, and again every two seconds while this page is looked at, until the answer is called. */
export function watchOperations(heard: (snapshot: Snapshot) => void, failed: (error: unknown) => void): () => void {
  let stream: Id | null = null;
  let turn = 0;
  const leave = () => {
    turn += 1;
    if (stream !== null) core.follower.drop(stream);
    stream = null;
  };
  const look = async () => {
    leave();
    const mine = turn;
    try {
      const { stream: found, ...snapshot } = await core.api.get<Snapshot & { stream: Id }>("/api/operations");
      if (mine !== turn) return;
      heard(snapshot);
      stream = found;
      // Its entries are none; only its signals count.
      core.follower.track(found, 0);
    } catch (error) {
      if (mine === turn) failed(error);
    }
  };
  const turned = () => {
    if (document.visibilityState === "visible") void look();
    else leave();
  };
  core.live.listeners.operations = (data) => heard(data as unknown as Snapshot);
  document.addEventListener("visibilitychange", turned);
  turned();
  return () => {
    document.removeEventListener("visibilitychange", turned);
    delete core.live.listeners.operations;
    leave();
  };
}
