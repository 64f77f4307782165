/**
 * Mutual exclusion between the tabs of one browser. Web Locks exist only in secure contexts; a plain-http
 * installation gets a lease in localStorage instead, which is good enough because what it guards is also
 * safe on the server.
 */

import { freshKey } from "./ids";

const LEASE_MS = 15_000;
const SETTLE_MS = 40;

export interface Locks {
  /** Runs `work` while no other tab is inside the same name. */
  exclusive<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** Holds a name until `release`, or until the tab is gone. */
  hold(name: string): () => void;
  /** Calls `then` once nobody holds the name; null when that cannot be known here. */
  whenFree: ((name: string, then: () => void, signal: AbortSignal) => void) | null;
}

export function webLocks(manager: LockManager): Locks {
  return {
    exclusive: (name, work) => manager.request(name, work) as Promise<Awaited<ReturnType<typeof work>>>,
    hold(name) {
      let release = () => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      void manager.request(name, () => held);
      return () => release();
    },
    whenFree(name, then, signal) {
      manager.request(name, { signal }, async () => then()).catch(() => {});
    },
  };
}

export function leaseLocks(storage: Storage): Locks {
  return {
    async exclusive(name, work) {
      const place = `hubbub:lease:${name}`;
      const mine = freshKey();
      const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
      for (;;) {
        const [owner, until] = (storage.getItem(place) ?? "").split(" ");
        if (owner === mine) break;
        if (!owner || Number(until) < Date.now()) {
          storage.setItem(place, `${mine} ${Date.now() + LEASE_MS}`);
        }
        // Another tab may have written in the same instant; whoever is still written down afterwards has it.
        await pause(SETTLE_MS + Math.random() * SETTLE_MS);
      }
      try {
        return await work();
      } finally {
        if (storage.getItem(place)?.startsWith(mine)) storage.removeItem(place);
      }
    },
    hold: () => () => {},
    whenFree: null,
  };
}

export function browserLocks(): Locks {
  return navigator.locks ? webLocks(navigator.locks) : leaseLocks(localStorage);
}
