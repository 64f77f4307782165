import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Core } from "../../src/core/core";
import { ApiError } from "../../src/core/problem";

const send = vi.fn(async (..._told: unknown[]) => undefined);
const core = { api: { send }, rooms: { version: "0.1.0+abc" } } as unknown as Core;

describe("report", () => {
  beforeEach(() => {
    vi.resetModules();
    send.mockClear();
  });

  const load = async () => (await import("../../src/core/report")).report;

  it("tells each error once, five at most, and none the server told us", async () => {
    const report = await load();
    report(core, new ApiError("Not yours", 403));
    report(core, new Error("ResizeObserver loop completed with undelivered notifications."));
    for (let number = 0; number < 9; number += 1) {
      report(core, new Error(`error ${number}`));
      report(core, new Error(`error ${number}`));
    }
    expect(send).toHaveBeenCalledTimes(5);
  });

  it("tells neither where exactly one was nor more than is needed", async () => {
    const report = await load();
    history.replaceState(null, "", "/r/01890000-0000-7000-8000-000000000001?x=1");
    report(core, "x".repeat(2_000));
    const [[method, path, body]] = send.mock.calls as unknown as [[string, string, Record<string, string>]];
    expect([method, path]).toEqual(["POST", "/api/client-errors"]);
    expect(body.message).toHaveLength(500);
    expect(body.url).toBe("/r/…");
    expect(body.release).toBe("0.1.0+abc");
  });
});
