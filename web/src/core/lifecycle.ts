/** From an empty page to a running one, and back: who is signed in decides what runs. */
import type { Core } from "./core";
import { ApiError } from "./problem";
import { report } from "./report";
import { START } from "./state";
import type { Setup, SignedIn, Sync, User } from "./wire";

const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 15_000;

export class Lifecycle {
  private readonly core: Core;
  /** Grows with every sign-in and sign-out, so that what was begun for one person ends with them. */
  private turn = 0;
  private started: Promise<void> | null = null;
  private awaited: (() => void) | null = null;

  constructor(core: Core) {
    this.core = core;
    core.session.events = {
      renewed: (token) => core.connection.renewed(token),
      switched: (user) => void this.begin(user),
      ended: () => void this.leave(),
    };
  }

  start(): Promise<void> {
    this.started ??= this.resume();
    return this.started;
  }

  /** Somebody has just signed in, up or on. Rejects with ApiError when the first screen can't be loaded. */
  async enter(answer: SignedIn): Promise<User> {
    // `begin` follows; it is not another tab that switched.
    this.core.session.accept(answer);
    await this.begin(answer.user);
    return answer.user;
  }

  /** Forgets the person here; outbox and drafts stay in the browser for when they are back. */
  async leave(): Promise<void> {
    const turn = ++this.turn;
    this.stop();
    const { setup, phase } = this.core.state;
    // Somebody was here, so there is a workspace, whatever was so when the page was loaded.
    if (phase === "signed-in") this.signedOut(setup && { ...setup, first_run: false });
    const fresh = await this.insist(turn, () => this.core.api.anonymous<Setup>("GET", "/api/setup"));
    if (turn === this.turn) this.signedOut(fresh ?? setup);
  }

  listen(page: Window): void {
    const { core } = this;
    page.addEventListener("online", () => this.wake());
    page.addEventListener("offline", () => core.connection.networkLost());
    page.addEventListener("pagehide", () => {
      core.drafts.flush();
      core.marks.flush();
    });
    page.document.addEventListener("visibilitychange", () => {
      if (page.document.visibilityState === "visible") this.wake();
      else core.drafts.flush();
    });
    page.addEventListener("error", (event) => report(core, event.error ?? event.message));
    page.addEventListener("unhandledrejection", (event) => report(core, event.reason));
  }

  private wake(): void {
    this.awaited?.();
    this.core.connection.wake();
  }

  private async resume(): Promise<void> {
    const turn = ++this.turn;
    const { session } = this.core;
    const signedIn = await this.insist(turn, () => session.refresh());
    if (turn !== this.turn) return;
    const { user } = session;
    if (signedIn === null || user === null) await this.leave();
    else await this.begin(user);
  }

  private async begin(user: User): Promise<void> {
    const turn = ++this.turn;
    const { core } = this;
    this.stop();
    const sync = await this.insist(turn, () => core.api.get<Sync>("/api/sync"));
    if (turn !== this.turn) return;
    if (sync === null) {
      core.session.end();
      await this.leave();
      return;
    }
    core.store.setState({ ...START, setup: core.state.setup, drafts: core.drafts.open(user.id) }, true);
    core.rooms.adopt(sync);
    core.update((state) => ({ ...state, phase: "signed-in" }));
    void core.outbox.open(user.id);
    core.connection.start();
  }

  private stop(): void {
    const { core } = this;
    core.connection.stop();
    core.follower.clear();
    core.follower.disconnected();
    core.outbox.disconnected();
    core.outbox.close();
    core.drafts.close();
    core.marks.clear();
    core.linked.clear();
    core.rooms.clear();
    core.timelines.clear();
    core.live.stop();
  }

  private signedOut(setup: Setup | null): void {
    this.core.store.setState({ ...START, phase: "signed-out", setup }, true);
  }

  /** Tries until the server answers; null when it refuses. */
  private async insist<T>(turn: number, ask: () => Promise<T>): Promise<T | null> {
    for (let failures = 0; ; failures += 1) {
      try {
        const answer = await ask();
        if (failures > 0) this.core.live.showConnection({ state: "connecting" });
        return answer;
      } catch (error) {
        if (!(error instanceof ApiError) || !error.temporary) return null;
        if (turn !== this.turn) return null;
        if (failures > 0) {
          const state = this.core.environment.hasNetwork() ? "reconnecting" : "offline";
          this.core.live.showConnection({ state });
        }
        const backoff = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** failures) * (0.5 + Math.random());
        await this.pause(Math.max(backoff, (error.retryAfter ?? 0) * 1_000));
      }
    }
  }

  /** Ends early when the network or the person comes back. */
  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.awaited = null;
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.awaited = end;
    });
  }
}
