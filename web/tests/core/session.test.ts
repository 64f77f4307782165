import { locks as nodeLocks } from "node:worker_threads";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Api, ApiError } from "../../src/core/api";
import { type Locks, leaseLocks, webLocks } from "../../src/core/locks";
import { Session } from "../../src/core/session";
import { eventually, user } from "./fixtures";

const ME = user("me");
let names = 0;
const channels: BroadcastChannel[] = [];

afterEach(() => {
  for (const channel of channels.splice(0)) channel.close();
  localStorage.clear();
});

/** A server whose refresh token rotates: whoever presents a used one has stolen it, and the session ends. */
class Server {
  cookie = 1;
  /** The latest access token; earlier ones still work until they run out. */
  valid = "token-1";
  private readonly issued = new Set(["token-1"]);
  refreshes = 0;
  ended = false;
  reachable = true;
  calls: { path: string; token: string | null; key: string | null }[] = [];

  readonly fetch = async (input: unknown, init: RequestInit = {}): Promise<Response> => {
    if (!this.reachable) throw new TypeError("Failed to fetch");
    const path = String(input);
    const headers = new Headers(init.headers);
    if (path === "/api/auth/refresh") return this.refresh();
    const token = headers.get("Authorization")?.replace("Bearer ", "") ?? null;
    this.calls.push({ path, token, key: headers.get("Idempotency-Key") });
    if (token === null || !this.issued.has(token) || this.ended) return problem(401, "Sign in first");
    return Response.json({ path });
  };

  private async refresh(): Promise<Response> {
    const presented = this.cookie;
    this.refreshes += 1;
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (presented !== this.cookie) this.ended = true;
    if (this.ended) return problem(401, "Sign in first");
    this.cookie += 1;
    this.valid = `token-${this.cookie}`;
    this.issued.add(this.valid);
    return Response.json({ user: ME, access_token: this.valid, expires_in: 900 });
  }
}

function problem(status: number, detail: string, more: object = {}, headers: Record<string, string> = {}): Response {
  const body = JSON.stringify({ type: "about:blank", title: detail, status, detail, request_id: "r", ...more });
  return new Response(body, { status, headers: { "Content-Type": "application/problem+json", ...headers } });
}

function tab(server: Server, name: string, locks: Locks = webLocks(nodeLocks as unknown as LockManager)) {
  const channel = new BroadcastChannel(name);
  channels.push(channel);
  const api = new Api("", server.fetch as typeof fetch);
  const session = new Session({ askRefresh: () => api.refresh(), locks, channel, now: Date.now });
  api.tokens = session;
  const ended = vi.fn();
  session.events = { renewed() {}, switched() {}, ended };
  return { api, session, ended };
}

const nextName = () => `session-${++names}`;

describe("Session", () => {
  it("shares one refresh between calls that are refused at the same time", async () => {
    const server = new Server();
    const { api, session } = tab(server, nextName());
    session.accept({ user: ME, access_token: "old", expires_in: 900 });
    const answers = await Promise.all([api.get("/api/a"), api.get("/api/b"), api.get("/api/c")]);
    expect(answers).toEqual([{ path: "/api/a" }, { path: "/api/b" }, { path: "/api/c" }]);
    expect(server.refreshes).toBe(1);
  });

  it.each([
    ["Web Locks", () => webLocks(nodeLocks as unknown as LockManager)],
    ["leases in localStorage", () => leaseLocks(localStorage)],
  ])("lets one tab refresh at a time, and hands the token to the others (%s)", async (_name, makeLocks) => {
    const server = new Server();
    const name = nextName();
    const tabs = [1, 2, 3].map(() => tab(server, name, makeLocks()));
    for (const { session } of tabs) session.accept({ user: ME, access_token: "old", expires_in: 900 });
    await Promise.all(tabs.map(({ api }) => api.get("/api/a")));
    expect(server.ended).toBe(false);
    await eventually(() =>
      expect(new Set(tabs.map(({ session }) => session.current))).toEqual(new Set([server.valid])),
    );
    for (const { ended } of tabs) expect(ended).not.toHaveBeenCalled();
  });

  it("ends in every tab when the server ends it, and says so once in each", async () => {
    const server = new Server();
    const name = nextName();
    const [one, two] = [tab(server, name), tab(server, name)];
    for (const { session } of [one, two]) session.accept({ user: ME, access_token: "old", expires_in: 900 });
    server.ended = true;
    await expect(one.api.get("/api/a")).rejects.toMatchObject({ status: 401 });
    await eventually(() => expect(two.ended).toHaveBeenCalledTimes(1));
    expect(one.ended).toHaveBeenCalledTimes(1);
    expect(two.session.current).toBeNull();
  });

  it("outlives a server that cannot be reached", async () => {
    const server = new Server();
    const { session, ended } = tab(server, nextName());
    session.accept({ user: ME, access_token: "old", expires_in: 900 });
    server.reachable = false;
    await expect(session.refresh("old")).rejects.toMatchObject({ status: 0, temporary: true });
    expect(ended).not.toHaveBeenCalled();
    server.reachable = true;
    await expect(session.refresh("old")).resolves.toBe("token-2");
  });

  it("renews the token before it runs out", async () => {
    vi.useFakeTimers();
    try {
      const renewed = vi.fn();
      const askRefresh = vi.fn(async () => ({ user: ME, access_token: "next", expires_in: 900 }));
      const locks: Locks = { exclusive: (_name, work) => work(), hold: () => () => {}, whenFree: null };
      const session = new Session({ askRefresh, locks, channel: null, now: Date.now });
      session.events = { renewed, switched() {}, ended() {} };
      session.accept({ user: ME, access_token: "first", expires_in: 900 });
      await vi.advanceTimersByTimeAsync(830_000);
      expect(askRefresh).not.toHaveBeenCalled();
      await vi.advanceTimersByTimeAsync(40_000);
      expect(renewed).toHaveBeenCalledWith("next");
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("Api", () => {
  it("asks again with the same key when the answer to a command was lost", async () => {
    const server = new Server();
    let lost = true;
    const api = new Api("", (async (input: unknown, init?: RequestInit) => {
      const answer = await server.fetch(input, init);
      if (!lost) return answer;
      lost = false;
      throw new TypeError("connection reset");
    }) as typeof fetch);
    const { session } = tab(server, nextName());
    session.accept({ user: ME, access_token: server.valid, expires_in: 900 });
    api.tokens = session;
    await api.send("POST", "/api/rooms", { name: "Room" });
    expect(server.calls).toHaveLength(2);
    expect(server.calls[0]?.key).toBe(server.calls[1]?.key);
    expect(server.calls[0]?.key).toMatch(/^[0-9a-f]{32}$/);
  });

  it.each([
    [problem(404, "There is no such room"), "There is no such room."],
    [problem(422, "Invalid", { errors: [{ loc: ["body", "name"], msg: "is too short" }] }), "Name: is too short."],
    [problem(429, "Slow down", {}, { "Retry-After": "240" }), "Too many tries. Try again in 4 minutes."],
    [problem(503, "Draining", { retry_after: 3 }), "The server is busy. Try again in 3 seconds."],
    [new Response("<html>Bad gateway</html>", { status: 502 }), "The server had a problem. Try again in a moment."],
  ])("says in a plain sentence what went wrong", async (answer, sentence) => {
    const api = new Api("", (async () => answer) as typeof fetch);
    const error = await api.anonymous("GET", "/api/x").catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ApiError);
    expect((error as ApiError).message).toBe(sentence);
  });

  it("names the field that is wrong", async () => {
    const answer = problem(422, "Invalid", { errors: [{ loc: ["body", "email"], msg: "is not an address" }] });
    const api = new Api("", (async () => answer) as typeof fetch);
    await expect(api.anonymous("POST", "/api/x", {})).rejects.toMatchObject({ fields: { email: "is not an address" } });
  });
});
