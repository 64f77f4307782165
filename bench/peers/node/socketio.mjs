/**
 * Socket.IO on Node with the application of hubbub/gateway/echo.py.
 *
 *   NODE_ENV=production node socketio.mjs --port 3000 [--redis redis://127.0.0.1:6379/0]
 *
 * With --redis it runs behind the Redis adapter, as one process of several would.
 */
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const { values } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string" },
    redis: { type: "string" },
  },
});

const http = createServer();
// A closed keep-alive connection would fail a request of the load; the other servers keep them too.
http.keepAliveTimeout = 75_000;

// Left as they are by default: websocket and polling, `ws` as the engine (with bufferutil, which
// Socket.IO recommends and ws takes by itself), no permessage-deflate, pings every 25 s with 20 s
// patience, 1 MB for a message: the same as on our side.
const io = new Server(http, {
  // Nothing on our side is compressed, and on loopback it could only cost.
  httpCompression: false,
  // The client's bundle is not what we measure; kept out of the process.
  serveClient: false,
});

// Advice of Socket.IO's "memory usage" page: forget the request that opened the connection.
io.engine.on("connection", (connection) => {
  connection.request = null;
});

if (values.redis) {
  const publisher = createClient({ url: values.redis });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  io.adapter(createAdapter(publisher, subscriber));
}

function serve(socket) {
  socket.emit("auth", socket.handshake.auth);
  socket.on("join", (room) => {
    socket.join(room);
    socket.emit("joined");
  });
  socket.on("msg", (body) => {
    socket.nsp.to(body.room).emit("msg", body);
  });
  socket.on("message", (...values) => {
    socket.emit("message-back", ...values);
  });
  socket.on("message-with-ack", (...values) => {
    values.pop()(...values);
  });
}

for (const name of ["/", "/custom"]) {
  io.of(name).on("connection", serve);
}

http.listen({ host: values.host, port: Number(values.port), backlog: 4096 });
