// One scenario of the stock client against a gateway: node run.mjs SCENARIO URL TRANSPORTS.
// Exits with 0 when everything was as it should be.
import assert from "node:assert/strict";
import { io } from "socket.io-client";

const [, , scenario, url, transportList] = process.argv;
const transports = transportList.split(",");

const open = (namespace = "/", options = {}) =>
  io(url + namespace, { transports, forceNew: true, reconnectionDelay: 50, ...options });

const once = (emitter, event) =>
  new Promise((resolve, reject) => {
    emitter.once(event, (...args) => resolve(args));
    setTimeout(() => reject(new Error(`no "${event}" came`)), 50_000).unref();
  });

async function connected(namespace, options) {
  const socket = open(namespace, options);
  await once(socket, "connect");
  if (transports.length === 2) {
    await new Promise((resolve) => {
      if (socket.io.engine.transport.name === "websocket") resolve();
      else socket.io.engine.once("upgrade", resolve);
    });
  }
  assert.equal(socket.io.engine.transport.name, transports.at(-1));
  return socket;
}

const scenarios = {
  async auth() {
    const socket = open("/", { auth: { token: "å" } });
    assert.deepEqual(await once(socket, "auth"), [{ token: "å" }]);
    assert.equal(typeof socket.id, "string");
    socket.close();
  },

  async events() {
    const socket = await connected();
    const values = [1, "two 😀", { three: [true, null, 4.5] }, []];
    const back = once(socket, "message-back");
    socket.emit("message", ...values);
    assert.deepEqual(await back, values);
    socket.close();
  },

  async order() {
    const socket = await connected();
    const seen = [];
    socket.on("message-back", (number) => seen.push(number));
    for (let number = 0; number < 500; number++) socket.emit("message", number);
    await socket.emitWithAck("message-with-ack");
    assert.deepEqual(seen, [...Array(500).keys()]);
    socket.close();
  },

  async acks() {
    const socket = await connected();
    assert.equal(await socket.emitWithAck("message-with-ack", "one"), "one");
    const many = await new Promise((resolve) =>
      socket.emit("message-with-ack", 1, { two: 2 }, (...args) => resolve(args)),
    );
    assert.deepEqual(many, [1, { two: 2 }]);
    socket.close();
  },

  async binary() {
    const socket = await connected();
    const bytes = Uint8Array.from([...Array(256).keys()]);
    const back = once(socket, "message-back");
    socket.emit("message", bytes, { deep: [Buffer.from("é")] });
    const [plain, nested] = await back;
    assert.deepEqual(new Uint8Array(plain), bytes);
    assert.equal(Buffer.from(nested.deep[0]).toString(), "é");
    const acked = await socket.emitWithAck("message-with-ack", bytes);
    assert.deepEqual(new Uint8Array(acked), bytes);
    socket.close();
  },

  async large() {
    const socket = await connected();
    const body = "x".repeat(900_000);
    assert.equal(await socket.emitWithAck("message-with-ack", body), body);
    socket.close();
  },

  async namespaces() {
    const socket = open("/custom", { auth: { a: 1 } });
    assert.deepEqual(await once(socket, "auth"), [{ a: 1 }]);
    const main = socket.io.socket("/");
    await once(main, "connect");
    socket.disconnect();
    const back = once(main, "message-back");
    main.emit("message", "still here");
    assert.deepEqual(await back, ["still here"]);
    const unknown = main.io.socket("/unknown");
    const [error] = await once(unknown, "connect_error");
    assert.equal(error.message, "Invalid namespace");
    main.io._close();
  },

  async rooms() {
    const [inside, outside] = await Promise.all([connected(), connected()]);
    const joined = once(inside, "joined");
    inside.emit("join", "r");
    await joined;
    const heard = once(inside, "msg");
    outside.emit("msg", { room: "r", text: "hello" });
    assert.deepEqual(await heard, [{ room: "r", text: "hello" }]);
    inside.close();
    outside.close();
  },

  async heartbeat() {
    const socket = await connected();
    let pings = 0;
    socket.io.on("ping", () => pings++);
    // Longer than the server waits for an answer.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    while (pings < 3) await once(socket.io, "ping");
    assert.ok(socket.connected);
    socket.close();
  },

  // The rest needs the application of test_javascript_client.py.

  async refused() {
    const socket = open("/door", { auth: { token: "bad" } });
    const [error] = await once(socket, "connect_error");
    assert.equal(error.message, "not you");
    assert.deepEqual(error.data, { code: 7 });
    socket.auth = { token: "good" };
    socket.connect();
    await once(socket, "connect");
    socket.close();
  },

  async called() {
    const socket = await connected();
    socket.on("question", (value, answer) => answer(value * 2, Buffer.from([1])));
    assert.deepEqual(await socket.emitWithAck("ask me", 21), "42 01");
    socket.close();
  },

  async thrown_out() {
    const socket = await connected();
    const gone = once(socket, "disconnect");
    socket.emit("throw me out");
    assert.equal((await gone)[0], "io server disconnect");
    socket.close();
  },

  async slow() {
    const socket = await connected();
    const gone = once(socket, "disconnect");
    socket.emit("flood me");
    const [reason, details] = await gone;
    if (transports.at(-1) === "websocket") assert.equal(details.context.code, 1013);
    else assert.equal(reason, "transport error"); // its next poll found no session
    await once(socket, "connect"); // comes back by itself
    socket.close();
  },

  async upgrade_under_fire() {
    const socket = open();
    const seen = [];
    socket.on("n", (number) => seen.push(number));
    const upgraded = once(socket.io.engine, "upgrade");
    await once(socket, "connect");
    await upgraded;
    const total = await socket.emitWithAck("stop counting");
    assert.deepEqual(seen, [...Array(total).keys()]);
    socket.close();
  },
};

try {
  await scenarios[scenario]();
  process.exit(0);
} catch (error) {
  console.error(error);
  process.exit(1);
}
