/** Errors of this page, told to the server. A few per page: a loop of errors must not become a load. */
import type { Api } from "./api";
import { ApiError } from "./problem";

const MOST = 5;
let told = 0;

export function report(api: Api, error: unknown): void {
  if (error instanceof ApiError || told >= MOST) return;
  told += 1;
  const { message, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
  const url = typeof location === "undefined" ? undefined : location.pathname;
  api
    .anonymous("POST", "/api/client-errors", { message: message.slice(0, 500), stack: stack?.slice(0, 4_000), url })
    .catch(() => {});
}
