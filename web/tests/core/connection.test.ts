import type { Socket } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Connection, type ConnectionIO, type LinkState } from "../../src/core/connection";
import { ApiError } from "../../src/core/problem";
import { FakeSocket, Refused } from "./fake-server";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function start(change: Partial<ConnectionIO> = {}) {
  let socket = null as unknown as FakeSocket;
  let network = true;
  const states: LinkState[] = [];
  const nothing = () => {};
  const io: ConnectionIO = {
    open: (auth) => {
      socket = new FakeSocket(auth);
      return socket as unknown as Socket;
    },
    token: async () => "token",
    renew: vi.fn(async () => "fresh"),
    hasNetwork: () => network,
    connected: vi.fn(),
    disconnected: vi.fn(),
    changed: (state) => states.push(state),
    entries: nothing,
    heads: nothing,
    caughtUp: nothing,
    reset: nothing,
    signal: nothing,
    stats: nothing,
    revoked: nothing,
    ...change,
  };
  const connection = new Connection(io);
  connection.start();
  const setNetwork = (there: boolean) => {
    network = there;
  };
  return { connection, io, states, setNetwork, socket };
}

const settle = () => vi.advanceTimersByTimeAsync(0);

describe("Connection", () => {
  it("connects with the token it is given", async () => {
    const { connection, socket, states, io } = start();
    await settle();
    expect(connection.online).toBe(true);
    expect(socket.token).toBe("token");
    expect(states).toEqual(["online"]);
    expect(io.connected).toHaveBeenCalledTimes(1);
  });

  it("says nothing about a loss that is over in a moment", async () => {
    const { connection, socket, states } = start();
    await settle();
    socket.drop();
    expect(connection.online).toBe(false);
    await vi.advanceTimersByTimeAsync(790);
    expect(states).toEqual(["online"]);
    expect(connection.online).toBe(true);
  });

  it("comes back ever more slowly, at most half a minute apart, and never gives up", async () => {
    const { socket, states } = start();
    await settle();
    socket.onConnect = () => {
      throw new Error("no answer");
    };
    socket.drop();
    const before = socket.attempts;
    await vi.advanceTimersByTimeAsync(10_000);
    const early = socket.attempts - before;
    expect(early).toBeGreaterThanOrEqual(3);
    expect(early).toBeLessThanOrEqual(8);
    expect(states.at(-1)).toBe("reconnecting");
    await vi.advanceTimersByTimeAsync(600_000);
    const [slow, all] = [socket.attempts, socket.attempts - before];
    expect(all).toBeLessThan(60);
    await vi.advanceTimersByTimeAsync(46_000);
    expect(socket.attempts).toBeGreaterThan(slow);
  });

  it("waits at least as long as a refusal asks", async () => {
    const { socket } = start();
    socket.onConnect = () => {
      throw new Refused({ status: 503, detail: "Busy.", retry_after: 20 });
    };
    await settle();
    expect(socket.attempts).toBe(1);
    await vi.advanceTimersByTimeAsync(19_900);
    expect(socket.attempts).toBe(1);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(socket.attempts).toBe(2);
  });

  it("believes nobody who asks for more than a minute", async () => {
    const { connection, socket } = start();
    socket.onConnect = () => {
      throw new Refused({ status: 503, detail: "Busy.", retry_after: 1e9 });
    };
    await settle();
    socket.onConnect = () => {};
    await vi.advanceTimersByTimeAsync(61_000);
    expect(connection.online).toBe(true);
    socket.push("goaway", { retry_after: 1e9, reason: "deaf" });
    await vi.advanceTimersByTimeAsync(78_000);
    expect(socket.attempts).toBe(3);
    expect(connection.online).toBe(true);
  });

  it("leaves the session alone when a refusal is not about it", async () => {
    const { connection, io, socket } = start();
    const refusals = [
      new Refused({ status: 503, detail: "This node is leaving.", retry_after: 0.2 }),
      new Refused({ status: 429, detail: "Too many.", retry_after: 0.2 }),
      new Refused({ status: 500, detail: "Something went wrong." }),
      new Error("xhr poll error"),
    ];
    socket.onConnect = () => {
      const refusal = refusals.shift();
      if (refusal) throw refusal;
    };
    await vi.advanceTimersByTimeAsync(20_000);
    expect(connection.online).toBe(true);
    expect(socket.attempts).toBe(5);
    expect(io.renew).not.toHaveBeenCalled();
  });

  it("renews a token that is refused, and comes back with the new one", async () => {
    let token = "stale";
    const renew = vi.fn(async () => {
      token = "fresh";
      return token;
    });
    const { connection, socket } = start({ token: async () => token, renew });
    socket.onConnect = (given) => {
      if (given === "stale") throw new Refused({ status: 401, detail: "Sign in first." });
    };
    await vi.advanceTimersByTimeAsync(2_000);
    expect(renew).toHaveBeenCalledWith("stale");
    expect(socket.token).toBe("fresh");
    expect(connection.online).toBe(true);
  });

  it("keeps using a node that leaves until its time is over, then comes back, not earlier", async () => {
    const { connection, socket } = start();
    await settle();
    socket.push("goaway", { retry_after: 4, reason: "draining" });
    await vi.advanceTimersByTimeAsync(3_900);
    expect(connection.online).toBe(true);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(socket.attempts).toBe(2);
    expect(connection.online).toBe(true);
  });

  it("does not come back early to a node that said when, even if it closed before", async () => {
    const { socket } = start();
    await settle();
    socket.push("goaway", { retry_after: 10, reason: "draining" });
    socket.drop();
    await vi.advanceTimersByTimeAsync(9_900);
    expect(socket.attempts).toBe(1);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(socket.attempts).toBe(2);
  });

  it("says offline without a network, and comes back at once with it", async () => {
    const { connection, socket, states, setNetwork } = start();
    await settle();
    setNetwork(false);
    socket.onConnect = () => {
      throw new Error("no network");
    };
    connection.networkLost();
    expect(states.at(-1)).toBe("offline");
    await vi.advanceTimersByTimeAsync(60_000);
    setNetwork(true);
    socket.onConnect = () => {};
    connection.wake();
    await vi.advanceTimersByTimeAsync(400);
    expect(connection.online).toBe(true);
    expect(states.at(-1)).toBe("online");
  });

  it("gives a command no ack that the connection did not live to bring", async () => {
    const { connection, socket } = start();
    await settle();
    const answer = connection.request("message.post", {}).catch((error: unknown) => error);
    socket.drop();
    expect(await answer).toBeInstanceOf(ApiError);
    await expect(connection.request("message.post", {})).rejects.toMatchObject({ status: 0 });
  });

  it("stops when it is told to", async () => {
    const { connection, socket } = start();
    await settle();
    connection.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(socket.attempts).toBe(1);
  });
});
