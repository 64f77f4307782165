/** Where the outbox survives a reload: IndexedDB, or memory alone where there is none (private windows). */
import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { Id } from "./wire";

export type CommandEvent = "message.post" | "message.edit" | "message.delete" | "message.react" | "message.unreact";

/** A command that has not been acknowledged. */
export interface Command {
  key: string;
  /** Whose command it is; another person who signs in here never sends it. */
  user: Id;
  /** The tab that sends it. */
  owner: string;
  /** Grows from command to command. */
  order: number;
  room: Id;
  event: CommandEvent;
  args: Record<string, unknown>;
  created_at: string;
  /** The room's cursor when it was written. */
  after: number;
  /** How often it was sent. */
  tries: number;
  /** Why the server refused it; null while it is to be sent. */
  error: string | null;
}

export interface OutboxStore {
  all(user: Id): Promise<Command[]>;
  put(command: Command): Promise<void>;
  remove(key: string): Promise<void>;
  /** Makes `to` the owner of what `from` owned; gives those commands. */
  adopt(user: Id, from: string, to: string): Promise<Command[]>;
}

interface Schema extends DBSchema {
  outbox: { key: string; value: Command; indexes: { user: Id } };
}

export function indexedStore(name = "hubbub"): OutboxStore {
  let opened: Promise<IDBPDatabase<Schema>> | undefined;
  const database = () => {
    opened ??= openDB<Schema>(name, 1, {
      upgrade(db) {
        db.createObjectStore("outbox", { keyPath: "key" }).createIndex("user", "user");
      },
      terminated() {
        opened = undefined;
      },
    });
    return opened;
  };
  return {
    async all(user) {
      const commands = await (await database()).getAllFromIndex("outbox", "user", user);
      return commands.sort((one, other) => one.order - other.order);
    },
    async put(command) {
      await (await database()).put("outbox", command);
    },
    async remove(key) {
      await (await database()).delete("outbox", key);
    },
    async adopt(user, from, to) {
      const transaction = (await database()).transaction("outbox", "readwrite");
      const adopted: Command[] = [];
      for (const command of await transaction.store.index("user").getAll(user)) {
        if (command.owner !== from) continue;
        const own = { ...command, owner: to };
        await transaction.store.put(own);
        adopted.push(own);
      }
      await transaction.done;
      return adopted.sort((one, other) => one.order - other.order);
    },
  };
}
