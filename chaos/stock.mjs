// The stock socket.io-client among the swarm: same orders, same diary (chaos/records.py).
// node chaos/stock.mjs PLAN
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { crc32 } from "node:zlib";

const { io } = createRequire(new URL("../web/package.json", import.meta.url))("socket.io-client");
const plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const sleep = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));
const places = new Map();
const table = [];
let writing = false;

function placeOf(entry) {
  const row = [entry.stream, entry.seq, entry.kind, entry.actor, entry.key ?? null, crc32(JSON.stringify(entry.data))];
  const name = JSON.stringify(row);
  if (!places.has(name)) {
    places.set(name, table.length);
    table.push(row);
  }
  return places.get(name);
}

class Person {
  constructor(given, port) {
    Object.assign(this, { name: given.name, user: given.user, room: given.room });
    this.wanted = { [given.room]: 0, [given.user]: 0 };
    this.log = { name: given.name, user: given.user, sent: {}, acknowledged: {}, refused: {}, seen: {}, ended: [], outages: [] };
    this.number = 0;
    this.socket = io(`http://127.0.0.1:${port}`, {
      auth: { token: given.token },
      transports: ["websocket"],
      reconnectionDelay: 200,
      reconnectionDelayMax: 2000,
      autoConnect: false,
    });
    this.socket.on("connect", () => this.follow(Object.keys(this.wanted)));
    this.socket.on("connect_error", (error) => {
      if (error.data?.status === 401) this.log.ended.push(`refused: ${error.message}`);
      // A refusal by the server is final to the library; who was told to come back does so.
      if (!this.socket.active) setTimeout(() => this.socket.connect(), (error.data?.retry_after ?? 1) * 1000);
    });
    this.socket.on("revoked", (told) => this.log.ended.push(`revoked: ${told.reason}`));
    this.socket.on("goaway", (told) => {
      this.socket.disconnect();
      setTimeout(() => this.socket.connect(), told.retry_after * 1000);
    });
    this.socket.on("disconnect", (reason) => {
      if (reason === "io server disconnect") this.socket.connect();
    });
    this.socket.on("reset", ({ stream, head, reason }) => this.reset(stream, head, reason));
    this.socket.on("entries", (entries) => {
      for (const entry of entries) {
        (this.log.seen[entry.stream] ??= []).push(placeOf(entry));
        if (entry.seq > (this.wanted[entry.stream] ?? 0)) this.wanted[entry.stream] = entry.seq;
      }
    });
  }

  reset(stream, head, reason) {
    (this.log.seen[stream] ??= []).push(["reset", head, reason]);
    if (reason === "withdrawn") {
      delete this.wanted[stream];
    } else {
      this.wanted[stream] = head;
      this.follow([stream]);
    }
  }

  async follow(streams) {
    const wanted = {};
    const marks = {};
    for (const stream of streams.filter((one) => one in this.wanted)) {
      wanted[stream] = this.wanted[stream];
      marks[stream] = ["from", this.wanted[stream], null];
      (this.log.seen[stream] ??= []).push(marks[stream]);
    }
    const id = this.socket.id;
    const ack = await this.socket.timeout(10_000).emitWithAck("follow", { streams: wanted }).catch(() => null);
    if (id !== this.socket.id) return;
    if (!ack?.ok) {
      await sleep(ack?.error?.retry_after ?? 1);
      if (id === this.socket.id) this.follow(streams);
      return;
    }
    for (const [stream, state] of Object.entries(ack.streams)) {
      if (state.reset) this.reset(stream, state.head, "too_old");
      else if (!state.error) marks[stream][2] = state.head;
      else if ([403, 404].includes(state.error.status)) this.reset(stream, 0, "withdrawn");
      else setTimeout(() => id === this.socket.id && this.follow([stream]), (state.error.retry_after ?? 1) * 1000);
    }
  }

  async work() {
    while (writing) {
      await sleep(Math.random() * 2 * plan.pause);
      const key = `${this.name}.${++this.number}`;
      const body = `said ${key} äöü 👍`;
      this.log.sent[key] = ["message.post", this.room, this.room, body];
      for (;;) {
        const command = { room: this.room, body, key };
        const ack = await this.socket.timeout(5_000).emitWithAck("message.post", command).catch(() => null);
        if (ack?.ok) {
          this.log.acknowledged[key] = [ack.seq, ack.message.id];
          break;
        }
        if (ack && ![429, 503].includes(ack.error.status)) {
          this.log.refused[key] = [ack.error.status, ack.error.detail];
          break;
        }
        await sleep(ack?.error?.retry_after ?? 0.2);
      }
    }
  }

  lacks(heads) {
    if (!this.socket.connected) return "not connected";
    for (const stream of [this.room, this.user]) {
      if (!((this.wanted[stream] ?? -1) >= (heads[stream] ?? 0))) return `${this.wanted[stream]} of ${heads[stream]} in ${stream}`;
    }
    return "";
  }
}

const people = plan.clients.map((given, place) => new Person(given, plan.ports[place % plan.ports.length]));
let work = Promise.resolve();

async function answer(order) {
  const online = () => people.filter((one) => one.socket.connected).length;
  if (order.do === "connect") {
    for (const one of people) one.socket.connect();
    while (online() < people.length) await sleep(0.02);
    return { connected: people.length };
  }
  if (order.do === "write") {
    writing = true;
    work = Promise.all(people.map((one) => one.work()));
    return { writing: people.length };
  }
  if (order.do === "stop") {
    writing = false;
    const late = await Promise.race([work.then(() => 0), sleep(60).then(() => 1)]);
    return { unanswered: late, commands: people.reduce((sum, one) => sum + one.number, 0) };
  }
  if (order.do === "storm") {
    for (const one of people) one.socket.io.engine?.close();
    return { dropped: people.length };
  }
  if (order.do === "wait") {
    const began = Date.now();
    for (;;) {
      const late = people.filter((one) => one.lacks(order.heads));
      const took = (Date.now() - began) / 1000;
      if (!late.length || took > order.seconds) {
        return { took, late: late.length, told: Object.fromEntries(late.map((one) => [one.name, one.lacks(order.heads)])) };
      }
      await sleep(0.05);
    }
  }
  if (order.do === "finish") {
    writeFileSync(order.path, JSON.stringify({ entries: table, clients: people.map((one) => one.log) }));
    for (const one of people) one.socket.disconnect();
    return { finished: people.length };
  }
  return { online: online(), recovered: online(), acknowledged: 0 };
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
}
process.exit(0);
