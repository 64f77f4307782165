/** What boards have to do with rooms: the tasks made from messages, and what one's own stream tells of tasks. */
import type { LinkedTask } from "./boards/wire";
import type { Core } from "./core";
import type { Entry, Id } from "./wire";

const STALE_MS = 30_000;
const GATHER_MS = 300;

export class Linked {
  private readonly core: Core;
  private readonly asked = new Map<Id, number>();
  private readonly planned = new Map<Id, ReturnType<typeof setTimeout>>();

  constructor(core: Core) {
    this.core = core;
  }

  /** Asks for a room's tasks, unless that was done a moment ago. */
  refresh(room: Id): void {
    if (Date.now() - (this.asked.get(room) ?? 0) > STALE_MS) this.plan(room);
  }

  told(entry: Entry, replayed: boolean): void {
    // The entry names the task alone: whether one may see it, and what it is called, the server says.
    if (entry.kind === "task.linked") this.plan(entry.stream);
    else if (!replayed && /^(task|comment)\./.test(entry.kind)) this.core.store.setState({ notice: entry });
  }

  clear(): void {
    for (const timer of this.planned.values()) clearTimeout(timer);
    this.planned.clear();
    this.asked.clear();
  }

  private plan(room: Id): void {
    if (this.planned.has(room)) return;
    const ask = () => {
      this.planned.delete(room);
      this.asked.set(room, Date.now());
      this.load(room).catch(() => this.asked.delete(room));
    };
    this.planned.set(room, setTimeout(ask, GATHER_MS));
  }

  private async load(room: Id): Promise<void> {
    const { items } = await this.core.api.get<{ items: LinkedTask[] }>(`/api/rooms/${room}/tasks`);
    // Signed out, or another person by now.
    if (!this.asked.has(room) || items.length === 0) return;
    const found: Record<Id, LinkedTask[]> = {};
    for (const item of items) found[item.message] = [item, ...(found[item.message] ?? [])];
    this.core.update((state) => ({ ...state, linked: { ...state.linked, ...found } }));
  }
}
