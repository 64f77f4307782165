/**
 * A chat on the usual stack, written well: Express 5, pg's pool, Socket.IO with the Redis adapter.
 *
 *   NODE_ENV=production BENCH_SECRET=… node product.mjs --port 3000 --database URL --redis URL
 *
 * A post is INSERT, emit to the room, acknowledge. README.md says what it leaves out.
 */
import { createSecretKey, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { createAdapter } from "@socket.io/redis-adapter";
import express from "express";
import jwt from "jsonwebtoken";
import pg from "pg";
import { createClient } from "redis";
import { Server } from "socket.io";
import { addBoards, TABLES } from "./boards.mjs";

const { values } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string" },
    database: { type: "string" },
    redis: { type: "string" },
    pool: { type: "string", default: "10" },
  },
});
const secret = process.env.BENCH_SECRET ?? "";
if (secret.length < 32) throw new Error("BENCH_SECRET must hold 32 characters or more.");
// A key object is parsed once; a string would be parsed at each call, four times as slow.
const key = createSecretKey(Buffer.from(secret));
const LONGEST = 8_000;
const PAGE = 50;

// Only ever shown again: RFC 3339 by two string operations, where pg would make a Date of it.
pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, (text) => `${text.replace(" ", "T")}:00`);
const pool = new pg.Pool({
  connectionString: values.database,
  options: "-c TimeZone=UTC",
  max: Number(values.pool),
});
pool.on("error", (error) => console.error(error));

await pool.query(`
  CREATE TABLE IF NOT EXISTS users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL
  );
  CREATE TABLE IF NOT EXISTS rooms (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL
  );
  CREATE TABLE IF NOT EXISTS members (
    room uuid NOT NULL REFERENCES rooms,
    person uuid NOT NULL REFERENCES users,
    PRIMARY KEY (person, room)
  );
  CREATE TABLE IF NOT EXISTS messages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room uuid NOT NULL REFERENCES rooms,
    author uuid NOT NULL REFERENCES users,
    body text NOT NULL,
    reply_to bigint REFERENCES messages,
    replies integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    edited_at timestamptz,
    deleted_at timestamptz
  );
  CREATE INDEX IF NOT EXISTS messages_of_room ON messages (room, id);
  ${TABLES}
`);

// A name makes pg prepare the statement once on each connection.
const INSERT = {
  name: "insert",
  text: "INSERT INTO messages (room, author, body) VALUES ($1, $2, $3) RETURNING id, created_at",
};
const LAST = {
  name: "last",
  text: `SELECT id, room, author, body, reply_to, replies, created_at, edited_at, deleted_at
    FROM messages
    WHERE room = $1 AND EXISTS (SELECT FROM members WHERE person = $2 AND room = $1)
    ORDER BY id DESC LIMIT ${PAGE}`,
};
const MEMBER = { name: "member", text: "SELECT FROM members WHERE person = $1 AND room = $2" };
const ROOMS = {
  name: "rooms",
  text: "SELECT room FROM members WHERE person = $1 AND room = ANY($2::uuid[])",
};

/** The message as clients see it: the fields of Hubbub's, so that both send answers of one size. */
function shape(row) {
  return {
    id: row.id,
    room: row.room,
    author: row.author,
    body: row.body,
    reply_to: row.reply_to,
    replies: row.replies,
    reactions: [],
    mentions: [],
    attachments: [],
    created_at: row.created_at,
    edited_at: row.edited_at,
    deleted: row.deleted_at !== null,
  };
}

/** The id of the person whose token this is. Throws when it is not valid. */
function verify(token) {
  return jwt.verify(token, key, { algorithms: ["HS256"] }).sub;
}

/** The id of the person who asks, or null. */
function identify(request) {
  const header = request.headers.authorization ?? "";
  try {
    return verify(header.startsWith("Bearer ") ? header.slice(7) : "");
  } catch {
    return null;
  }
}

/** Refuses whom the benchmark did not start. */
function guard(request, response, next) {
  const given = Buffer.from(request.headers["x-bench-secret"] ?? "");
  const wanted = Buffer.from(secret);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
    return response.status(403).json({ error: "The benchmark's secret is wrong." });
  }
  return next();
}

const app = express();
// Hashing each answer for an ETag costs, and these change with every post.
app.set("etag", false);
app.disable("x-powered-by");

app.get("/health", (_request, response) => {
  response.json({ ok: true });
});

app.get("/rooms/:id/messages", async (request, response) => {
  const person = identify(request);
  if (person === null) return response.status(401).json({ error: "The access token is not valid." });
  const room = request.params.id;
  const { rows } = await pool.query({ ...LAST, values: [room, person] });
  if (rows.length === 0) {
    const { rowCount } = await pool.query({ ...MEMBER, values: [person, room] });
    if (rowCount === 0) return response.status(404).json({ error: "There is no such room." });
  }
  return response.json({ items: rows.reverse().map(shape) });
});

/**
 * For the benchmark only: `people`, a room they all share, one for each, and `archives` that each
 * hold `bodies`; answers ids and tokens.
 */
app.post("/bench/setup", guard, express.json(), async (request, response) => {
  const newRoom = async (name) =>
    (await pool.query("INSERT INTO rooms (name) VALUES ($1) RETURNING id", [name])).rows[0].id;
  const { bodies } = request.body;
  const shared = await newRoom("Everybody");
  const archives = [];
  for (let number = 0; number < request.body.archives; number++) {
    archives.push(await newRoom("Archive"));
  }
  const people = [];
  for (let number = 1; number <= request.body.people; number++) {
    const name = `Person ${number}`;
    const own = await newRoom(name);
    const added = await pool.query("INSERT INTO users (name) VALUES ($1) RETURNING id", [name]);
    const { id } = added.rows[0];
    for (const room of [shared, own, ...archives]) {
      await pool.query("INSERT INTO members (person, room) VALUES ($1, $2)", [id, room]);
    }
    const token = jwt.sign({ sub: id }, key, { algorithm: "HS256", expiresIn: "4h" });
    people.push({ room: own, token, id });
  }
  for (const archive of archives) {
    for (const body of bodies) {
      await pool.query({ ...INSERT, values: [archive, people[0].id, body] });
    }
  }
  return response.status(201).json({ shared, archives, people });
});

const http = createServer(app);
http.keepAliveTimeout = 75_000;
const publisher = createClient({ url: values.redis });
const subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);
// The settings of socketio.mjs, for its reasons.
const io = new Server(http, {
  adapter: createAdapter(publisher, subscriber),
  httpCompression: false,
  serveClient: false,
});
io.engine.on("connection", (connection) => {
  connection.request = null;
});

/** Whoever has a token may connect, and joins those of the rooms asked for they are a member of. */
io.use(async (socket, next) => {
  try {
    const { token, rooms = [] } = socket.handshake.auth;
    const person = verify(token);
    const found = await pool.query({ ...ROOMS, values: [person, rooms] });
    socket.data.person = person;
    socket.join(found.rows.map((row) => row.room));
    next();
  } catch {
    next(new Error("The access token is not valid."));
  }
});

io.on("connection", (socket) => {
  socket.on("post", async (given, acknowledge) => {
    try {
      const { room, body } = given;
      if (typeof body !== "string" || body.length < 1 || body.length > LONGEST) {
        return acknowledge({ ok: false, error: "A body has 1 to 8,000 characters." });
      }
      const author = socket.data.person;
      const { rows } = await pool.query({ ...INSERT, values: [room, author, body] });
      const { id, created_at } = rows[0];
      io.to(room).emit(
        "message",
        shape({
          id,
          room,
          author,
          body,
          reply_to: null,
          replies: 0,
          created_at,
          edited_at: null,
          deleted_at: null,
        }),
      );
      acknowledge({ ok: true, id });
    } catch (error) {
      console.error(error);
      acknowledge?.({ ok: false, error: "The message was not stored." });
    }
  });
});

addBoards({ app, io, pool, identify, guard });

http.listen({ host: values.host, port: Number(values.port), backlog: 4096 });
