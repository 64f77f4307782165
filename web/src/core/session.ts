/**
 * Who is signed in. The access token lives in this tab's memory only; the refresh token is an HttpOnly cookie which
 * rotates, so two refreshes at once would look like theft to the server: they are one at a time across all tabs, and
 * a tab hands the token it got to the others.
 */
import type { Locks } from "./locks";
import type { ApiError } from "./problem";
import type { Id, SignedIn, User } from "./wire";

interface Access {
  token: string;
  user: User;
  /** ms since the epoch */
  expires: number;
}

type Notice = { type: "access"; access: Access } | { type: "signed-out"; user: Id };

export interface SessionDeps {
  /** `POST /api/auth/refresh` with the cookie; rejects with ApiError. */
  askRefresh(): Promise<SignedIn>;
  locks: Locks;
  channel: Pick<BroadcastChannel, "postMessage" | "addEventListener"> | null;
  now(): number;
}

export interface SessionEvents {
  /** A fresh token of the same person. */
  renewed(token: string): void;
  /** Somebody else signed in, in another tab. */
  switched(user: User): void;
  /** The session is over and cannot be refreshed. */
  ended(): void;
}

/** A token with less than this left is refreshed before it is used. */
const MARGIN_MS = 15_000;
/** What a message from tab to tab may take. */
const HEARING_MS = 20;

export class Session {
  private access: Access | null = null;
  private refreshing: Promise<string> | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  events: SessionEvents = { renewed() {}, switched() {}, ended() {} };

  constructor(private readonly deps: SessionDeps) {
    deps.channel?.addEventListener("message", (event) => this.heard((event as MessageEvent<Notice>).data));
  }

  get user(): User | null {
    return this.access?.user ?? null;
  }

  /** A token that is good for some seconds more. Rejects with ApiError: 401 when nobody is signed in. */
  async token(): Promise<string> {
    if (this.access && this.access.expires - this.deps.now() > MARGIN_MS) return this.access.token;
    return this.refresh(this.access?.token);
  }

  /** The token in memory, however old; for deciding whether a request may carry one at all. */
  get current(): string | null {
    return this.access?.token ?? null;
  }

  /**
   * Replaces `stale`. Concurrent callers, here and in other tabs, share one request. Rejects with ApiError: status 401
   * means that the session is over; anything temporary leaves the session as it is.
   */
  refresh(stale?: string): Promise<string> {
    if (this.access && this.access.token !== stale && this.access.expires > this.deps.now()) {
      return Promise.resolve(this.access.token);
    }
    this.refreshing ??= this.exchange(this.access?.token).finally(() => {
      this.refreshing = null;
    });
    return this.refreshing;
  }

  accept(answer: SignedIn): void {
    const expires = this.deps.now() + answer.expires_in * 1000;
    this.take({ token: answer.access_token, user: answer.user, expires });
    this.tell({ type: "access", access: { token: answer.access_token, user: answer.user, expires } });
  }

  /** Forgets the token here and tells the other tabs. */
  end(): void {
    const user = this.access?.user.id;
    this.forget();
    if (user !== undefined) this.tell({ type: "signed-out", user });
  }

  private exchange(held: string | undefined): Promise<string> {
    return this.deps.locks.exclusive("hubbub-refresh", async () => {
      // The tab that had the lock before may have sent its token just now.
      if (held !== undefined && this.deps.channel) await new Promise((resolve) => setTimeout(resolve, HEARING_MS));
      if (this.access && this.access.token !== held) return this.access.token;
      try {
        this.accept(await this.deps.askRefresh());
      } catch (error) {
        const { status } = error as ApiError;
        if (this.access && (status === 401 || status === 403)) {
          this.end();
          this.events.ended();
        }
        throw error;
      }
      return (this.access as Access | null)?.token ?? "";
    });
  }

  private take(access: Access): void {
    const before = this.access?.user.id;
    this.access = access;
    this.plan(access);
    if (before === undefined) return;
    if (before === access.user.id) this.events.renewed(access.token);
    else this.events.switched(access.user);
  }

  /** Renews early enough that a socket never outlives its token. */
  private plan(access: Access): void {
    clearTimeout(this.timer);
    const left = access.expires - this.deps.now();
    const delay = Math.max(1_000, left - Math.max(MARGIN_MS, Math.min(60_000, left / 4)));
    this.timer = setTimeout(() => {
      this.refresh(access.token).catch(() => {
        // Temporary: the next use of the token, or the next connect, tries again.
      });
    }, delay);
  }

  private heard(notice: Notice): void {
    if (notice.type === "access") {
      if (this.access) this.take(notice.access);
    } else if (notice.type === "signed-out" && this.access?.user.id === notice.user) {
      this.forget();
      this.events.ended();
    }
  }

  private forget(): void {
    clearTimeout(this.timer);
    this.access = null;
  }

  private tell(notice: Notice): void {
    this.deps.channel?.postMessage(notice);
  }
}
