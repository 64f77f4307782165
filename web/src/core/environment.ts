/** Everything of the browser that core/ touches, so that a test can give each "tab" its own. */
import { io, type Socket } from "socket.io-client";
import { type Config, readConfig } from "./config";
import { browserLocks, type Locks } from "./locks";
import { indexedStore, type OutboxStore } from "./outbox-store";

export type Channel = Pick<BroadcastChannel, "postMessage" | "addEventListener">;
export type SocketAuth = (give: (auth: { token: string }) => void) => void;

export interface Environment {
  config: Config;
  fetch: typeof fetch;
  openSocket(address: string | undefined, auth: SocketAuth): Socket;
  locks: Locks;
  channel: Channel | null;
  storage: Storage;
  outbox: OutboxStore;
  hasNetwork(): boolean;
}

export function browserEnvironment(): Environment {
  return {
    config: readConfig(),
    fetch: (...args) => globalThis.fetch(...args),
    openSocket,
    locks: browserLocks(),
    channel: typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("hubbub"),
    storage: localStorage,
    outbox: indexedStore(),
    hasNetwork: () => navigator.onLine,
  };
}

export function openSocket(address: string | undefined, auth: SocketAuth): Socket {
  const options = {
    auth,
    autoConnect: false,
    // connection.ts decides when to come back.
    reconnection: false,
    forceNew: true,
    timeout: 10_000,
    transports: ["websocket", "polling"],
    tryAllTransports: true,
  };
  return address === undefined ? io(options) : io(address, options);
}
