/** A client with one board, and the server behind both, under control: what is lost, late and refused. */
import { makeBoards } from "../../../src/core/boards/make";
import type { Command, OutboxStore } from "../../../src/core/outbox-store";
import type { Entry } from "../../../src/core/wire";
import { FakeServer } from "../fake-server";
import { BOARD, BoardModel, Refusal } from "./model";

type Client = ReturnType<FakeServer["client"]>;

export interface Tab extends Client, ReturnType<typeof makeBoards> {}

/** What the browser keeps while a page is loaded again. */
export function memoryStore(): OutboxStore {
  const kept = new Map<string, Command>();
  const all = () => [...kept.values()].sort((one, other) => one.order - other.order);
  return {
    all: async () => structuredClone(all()),
    put: async (command) => void kept.set(command.key, structuredClone(command)),
    remove: async (key) => void kept.delete(key),
    async adopt(_user, from, to) {
      for (const command of kept.values()) if (command.owner === from) command.owner = to;
      return structuredClone(all().filter((command) => command.owner === to));
    },
  };
}

export class BoardServer extends FakeServer {
  readonly model: BoardModel;
  looks: Record<string, unknown>[] = [];
  /** Entries that were appended while it was silent. */
  late: Entry[] = [];
  stream = BOARD;
  /** Nobody may see the board. */
  closed = false;
  refuses: (args: Record<string, unknown>) => boolean = () => false;

  constructor() {
    super();
    this.outbox = memoryStore();
    this.logs[BOARD] = [];
    this.model = new BoardModel((kind, data, actor, key) => {
      const added = this.append(this.stream, kind, structuredClone(data), actor, key);
      if (this.silent) this.late.push(added);
      return added.seq;
    });
    this.feature = {
      command: (event, argument) => this.ofBoards(event, argument),
      request: (method, url, body, key) => this.overHttp(method, url, body as Record<string, unknown>, key),
    };
  }

  /** What was appended in silence arrives. */
  deliver(): void {
    const late = this.late.splice(0);
    if (late.length && this.socket.connected) this.socket.push("entries", late);
  }

  /** What is seen of the board is told by another stream from now on, and the one that is followed ends. */
  divide(): void {
    const former = this.stream;
    this.stream = `${former}-outside`;
    this.model.stream = this.stream;
    this.model.head = 0;
    this.logs[this.stream] = [];
    this.socket.push("reset", { stream: former, head: 0, reason: "withdrawn" });
  }

  private ofBoards(event: string, argument: Record<string, unknown>): object | undefined {
    if (event === "look") this.looks.push(argument);
    if (!/^(tasks?|checklist|comment)\./.test(event)) return;
    const { key, ...args } = argument as { key: string };
    try {
      if (this.refuses(args)) throw new Refusal(409, "It is refused.");
      for (const value of Object.values(args).flat()) {
        if (typeof value === "string" && /^[0-9a-f]{32}$/.test(value)) throw new Refusal(422, "That is a key.");
      }
      return { ok: true, ...this.model.run("me", () => this.model.command("me", event, args), key) };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { ok: false, error: { status: error.status, detail: error.message } };
    }
  }

  private overHttp(
    method: string,
    { pathname, searchParams }: URL,
    body: Record<string, unknown>,
    key?: string,
  ): unknown {
    const [, , what, id, part] = pathname.split("/");
    const { model } = this;
    if (what === "boards" && part === undefined && this.closed) return null;
    if (what === "boards" && part === undefined && id === BOARD) return model.page(Number(searchParams.get("first")));
    if (what === "boards" && id === undefined) return { items: [{ ...model.page(0), lists: undefined }], next: null };
    if (part === "activity") {
      const task = searchParams.get("task");
      const about = ({ data }: Entry) =>
        [(data as { task?: string }).task, (data as { id?: string }).id].includes(task ?? "");
      const items = (this.logs[BOARD] ?? []).filter((entry) => !task || about(entry)).toReversed();
      return { items, next: null, people: [] };
    }
    if (what === "tasks" && id === "mine") return { items: model.live().map((task) => model.card(task)), next: null };
    if (what === "tasks" && part === "comments") {
      const items = [...model.comments.values()].filter((comment) => comment.task === id).toReversed();
      return { items, next: null, people: [] };
    }
    if (what === "tasks") return model.tasks.has(id ?? "") ? model.whole(id ?? "") : null;
    if (what === "lists" && method === "POST" && part === "move") {
      let list: unknown;
      model.run(
        "me",
        () => {
          list = model.moveList("me", id ?? "", (body.after as string | undefined) ?? null);
          return {};
        },
        key,
      );
      return list;
    }
    return undefined;
  }

  tab(): Tab {
    const client = this.client();
    return { ...client, ...makeBoards(client.core) };
  }
}

export function stop({ core, boards }: Tab): void {
  core.connection.stop();
  core.outbox.close();
  core.rooms.clear();
  core.live.stop();
  boards.looking.clear();
}
