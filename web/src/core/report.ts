/** Errors of this page, told to the server. A few per page, each once: a loop of errors must not become a load. */
import type { Core } from "./core";
import { ApiError } from "./problem";

const MOST = 5;
const told = new Set<string>();

export function report(core: Core, error: unknown): void {
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
  // Without anybody's session nobody is listened to; a resize that takes two turns is no error.
  if (error instanceof ApiError || told.size >= MOST || told.has(message) || /^ResizeObserver/.test(message)) return;
  told.add(message);
  core.api
    .send("POST", "/api/client-errors", {
      message: message.slice(0, 500) || "Unknown error",
      stack: stack?.slice(0, 4_000),
      // Neither ids nor codes.
      url: typeof location === "undefined" ? undefined : location.pathname.replace(/[^/]{16,}/g, "…"),
      release: core.rooms.version,
    })
    .catch(() => {});
}
