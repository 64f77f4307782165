/** Read marks: shown at once, sent a little later, never moved back. */
import type { Core } from "./core";
import { freshKey } from "./ids";
import { fromProblem } from "./problem";
import { moveRead } from "./reduce";
import type { Ack, Id } from "./wire";

const WAIT_MS = 400;

export class Marks {
  private readonly core: Core;
  private readonly unsent = new Map<Id, number>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(core: Core) {
    this.core = core;
  }

  mark(room: Id, seq: number): void {
    const view = this.core.state.rooms[room];
    if (!view?.joined) return;
    const wanted = Math.min(seq, view.head);
    if (wanted <= view.read) return;
    this.core.update((state) => moveRead(state, room, wanted));
    this.unsent.set(room, wanted);
    this.timer ??= setTimeout(() => this.flush(), WAIT_MS);
  }

  /** Sends what is not sent; what does not get through is sent again after the next reconnect. */
  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (!this.core.connection.online) return;
    for (const [room, seq] of this.unsent) void this.send(room, seq);
  }

  clear(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.unsent.clear();
  }

  private async send(room: Id, seq: number): Promise<void> {
    let ack: Ack;
    try {
      ack = await this.core.connection.request<Ack>("room.read", { room, seq, key: freshKey() });
    } catch {
      return;
    }
    if (!ack.ok && fromProblem(ack.error, ack.error.status).temporary) {
      this.timer ??= setTimeout(() => this.flush(), WAIT_MS * 10);
    } else if (this.unsent.get(room) === seq) this.unsent.delete(room);
  }
}
