/** Where the outbox survives a reload: IndexedDB, or memory alone where there is none (private windows). */
import type { Id } from "./wire";

export type CommandEvent =
  | "message.post"
  | "message.edit"
  | "message.delete"
  | "message.react"
  | "message.unreact"
  | BoardEvent;

export type BoardEvent =
  | "task.create"
  | "task.change"
  | "task.move"
  | "task.archive"
  | "task.restore"
  | "tasks.move"
  | "tasks.archive"
  | "checklist.add"
  | "checklist.change"
  | "checklist.remove"
  | "comment.add"
  | "comment.edit"
  | "comment.delete";

/** A command that has not been acknowledged. */
export interface Command {
  key: string;
  /** Whose command it is; another person who signs in here never sends it. */
  user: Id;
  /** The tab that sends it. */
  owner: string;
  /** Grows from command to command. */
  order: number;
  /** Where it belongs: a room, or a board. */
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

/** The answer to a request of IndexedDB. */
function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Settles when what the transaction did is kept, or is not. */
function kept(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () =>
      reject(transaction.error ?? new DOMException("The transaction was aborted.", "AbortError"));
  });
}

const byOrder = (one: Command, other: Command) => one.order - other.order;

export function indexedStore(name = "hubbub"): OutboxStore {
  let opened: Promise<IDBDatabase> | undefined;

  async function open(): Promise<IDBDatabase> {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () =>
      request.result.createObjectStore("outbox", { keyPath: "key" }).createIndex("user", "user");
    const database = await answer(request);
    // The browser may close it by itself, for instance when the site's data is cleared.
    database.onclose = () => {
      opened = undefined;
    };
    return database;
  }

  async function begin(mode: IDBTransactionMode) {
    opened ??= open();
    const transaction = (await opened).transaction("outbox", mode);
    return { transaction, commands: transaction.objectStore("outbox") };
  }

  const ofUser = (commands: IDBObjectStore, user: Id): Promise<Command[]> =>
    answer(commands.index("user").getAll(user));

  return {
    async all(user) {
      const { commands } = await begin("readonly");
      return (await ofUser(commands, user)).sort(byOrder);
    },
    async put(command) {
      const { transaction, commands } = await begin("readwrite");
      commands.put(command);
      await kept(transaction);
    },
    async remove(key) {
      const { transaction, commands } = await begin("readwrite");
      commands.delete(key);
      await kept(transaction);
    },
    async adopt(user, from, to) {
      const { transaction, commands } = await begin("readwrite");
      const adopting = ofUser(commands, user).then((all) => {
        const adopted = all.filter(({ owner }) => owner === from).sort(byOrder);
        for (const command of adopted) {
          command.owner = to;
          commands.put(command);
        }
        return adopted;
      });
      const [adopted] = await Promise.all([adopting, kept(transaction)]);
      return adopted;
    },
  };
}
