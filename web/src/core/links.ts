/** Tasks made from messages, and what one's own stream tells of tasks. Loaded once the first room is shown. */
import { create } from "zustand";
import type { LinkedTask } from "./boards/wire";
import { core } from "./store-instance";
import type { Entry, Id } from "./wire";

/** Message → the tasks made from it, as far as one may see their boards. */
export const useLinks = create<{ linked: Record<Id, LinkedTask[]> }>(() => ({ linked: {} }));

const STALE_MS = 30_000;
const GATHER_MS = 300;
const asked = new Map<Id, number>();
const planned = new Set<Id>();

/** Tells of everything new on one's own stream. */
let told: (entry: Entry) => void = () => {};

export function onOwnEntry(tell: (entry: Entry) => void): void {
  told = tell;
}

/** Asks for a room's tasks, unless that was done a moment ago. */
export function refreshLinks(room: Id): void {
  if (Date.now() - (asked.get(room) ?? 0) > STALE_MS) plan(room);
}

function plan(room: Id): void {
  if (planned.has(room)) return;
  planned.add(room);
  setTimeout(() => {
    planned.delete(room);
    asked.set(room, Date.now());
    load(room).catch(() => asked.delete(room));
  }, GATHER_MS);
}

async function load(room: Id): Promise<void> {
  const { items } = await core.api.get<{ items: LinkedTask[] }>(`/api/rooms/${room}/tasks`);
  const found: Record<Id, LinkedTask[]> = {};
  for (const item of items) found[item.message] = [item, ...(found[item.message] ?? [])];
  useLinks.setState(({ linked }) => ({ linked: { ...linked, ...found } }));
}

core.store.subscribe((state, before) => {
  if (state.me?.id === before.me?.id) return;
  asked.clear();
  useLinks.setState({ linked: {} });
});

core.tenants.push({
  keeps: () => false,
  apply(entries, replayed) {
    const me = core.state.me?.id;
    for (const entry of entries) {
      // The entry names the task alone: whether one may see it, and what it is called, the server says.
      if (entry.kind === "task.linked") plan(entry.stream);
      if (entry.stream === me && !replayed) told(entry);
    }
  },
  reload: () => Promise.resolve(null),
  followed() {},
  refused() {},
  changed() {},
  acknowledged() {},
});
