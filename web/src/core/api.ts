/** HTTP as docs/api.md has it: bearer token, problem documents, idempotency keys, one silent refresh on 401. */
import { freshKey } from "./ids";
import { ApiError, fromProblem, unreachable } from "./problem";
import type { SignedIn } from "./wire";

export { ApiError } from "./problem";

const TIMEOUT_MS = 20_000;
const RETRY_MS = 800;

/** What the client needs of `Session`. */
export interface Tokens {
  readonly current: string | null;
  token(): Promise<string>;
  refresh(stale?: string): Promise<string>;
}

type Method = "GET" | "POST" | "PATCH" | "PUT" | "DELETE";

export class Api {
  /** Set once the session exists; without it every call is anonymous. */
  tokens: Tokens | null = null;

  constructor(
    private readonly base: string,
    private readonly fetch: typeof globalThis.fetch = (...args) => globalThis.fetch(...args),
  ) {}

  get<T>(path: string, query: Record<string, string | number | undefined> = {}): Promise<T> {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
    return this.authorised<T>("GET", search.size ? `${path}?${search}` : path, undefined);
  }

  /** Safe to repeat: every mutating call carries its own key, so a lost answer is asked for once more. */
  async send<T>(method: Exclude<Method, "GET">, path: string, body?: object, key = freshKey()): Promise<T> {
    try {
      return await this.authorised<T>(method, path, body, key);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      return this.authorised<T>(method, path, body, key);
    }
  }

  /** Calls that make or end a session, or need none. */
  anonymous<T>(method: Method, path: string, body?: object): Promise<T> {
    return this.once<T>(method, path, body, null);
  }

  refresh(): Promise<SignedIn> {
    return this.anonymous<SignedIn>("POST", "/api/auth/refresh", {});
  }

  private async authorised<T>(method: Method, path: string, body?: object, key?: string): Promise<T> {
    const { tokens } = this;
    if (!tokens) return this.once<T>(method, path, body, null, key);
    const token = await tokens.token();
    try {
      return await this.once<T>(method, path, body, token, key);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      return this.once<T>(method, path, body, await tokens.refresh(token), key);
    }
  }

  private async once<T>(method: Method, path: string, body: object | undefined, token: string | null, key?: string) {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (token !== null) headers.Authorization = `Bearer ${token}`;
    if (key !== undefined) headers["Idempotency-Key"] = key;
    let response: Response;
    let text: string;
    try {
      response = await this.fetch(this.base + path, {
        method,
        headers,
        credentials: "include",
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      text = await response.text();
    } catch {
      throw unreachable();
    }
    const answer = parse(text);
    if (response.ok) return answer as T;
    const wait = Number(response.headers.get("Retry-After"));
    throw fromProblem(answer as object | null, response.status, Number.isFinite(wait) && wait > 0 ? wait : null);
  }
}

/** A proxy may answer with a page of HTML; that is no problem document. */
function parse(text: string): unknown {
  if (text === "") return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
