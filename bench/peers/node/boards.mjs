/**
 * Boards on the usual stack, written well: a move is a transaction that locks the list's row, a position between the
 * neighbours' and an UPDATE, then emit and acknowledge. README.md says what it leaves out.
 */
import express from "express";

// A double halves its gap with each card put into the same place; below this the list is numbered anew.
const LEAST_GAP = 1e-6;

export const TABLES = `
  CREATE TABLE IF NOT EXISTS boards (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL
  );
  CREATE TABLE IF NOT EXISTS board_members (
    board uuid NOT NULL REFERENCES boards,
    person uuid NOT NULL REFERENCES users,
    PRIMARY KEY (person, board)
  );
  CREATE TABLE IF NOT EXISTS lists (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    board uuid NOT NULL REFERENCES boards,
    name text NOT NULL,
    position double precision NOT NULL
  );
  CREATE INDEX IF NOT EXISTS lists_of_board ON lists (board, position);
  CREATE TABLE IF NOT EXISTS labels (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    board uuid NOT NULL REFERENCES boards,
    name text NOT NULL,
    colour text NOT NULL
  );
  CREATE INDEX IF NOT EXISTS labels_of_board ON labels (board);
  CREATE TABLE IF NOT EXISTS cards (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    board uuid NOT NULL REFERENCES boards,
    list uuid NOT NULL REFERENCES lists,
    position double precision NOT NULL,
    title text NOT NULL,
    description text NOT NULL,
    priority text,
    due_at timestamptz,
    due_has_time boolean NOT NULL DEFAULT false,
    created_by uuid NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now(),
    archived_at timestamptz,
    version integer NOT NULL DEFAULT 1
  );
  CREATE INDEX IF NOT EXISTS cards_of_list ON cards (list, position);
  CREATE INDEX IF NOT EXISTS cards_of_board ON cards (board);
  CREATE TABLE IF NOT EXISTS card_people (card uuid REFERENCES cards, person uuid REFERENCES users,
    PRIMARY KEY (card, person));
  CREATE TABLE IF NOT EXISTS card_labels (card uuid REFERENCES cards, label uuid REFERENCES labels,
    PRIMARY KEY (card, label));
  CREATE TABLE IF NOT EXISTS checklist_items (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    card uuid NOT NULL REFERENCES cards,
    text text NOT NULL,
    done boolean NOT NULL
  );
  CREATE INDEX IF NOT EXISTS items_of_card ON checklist_items (card);
  CREATE TABLE IF NOT EXISTS comments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    card uuid NOT NULL REFERENCES cards,
    author uuid NOT NULL REFERENCES users,
    body text NOT NULL
  );
  CREATE INDEX IF NOT EXISTS comments_of_card ON comments (card);
`;

// A name makes pg prepare the statement once on each connection.
const FOLLOWED = {
  name: "followed boards",
  text: "SELECT board FROM board_members WHERE person = $1 AND board = ANY($2::uuid[])",
};
const LOCK = {
  name: "lock list",
  text: `SELECT lists.board FROM lists JOIN board_members ON board_members.board = lists.board
    WHERE lists.id = $1 AND board_members.person = $2 FOR UPDATE OF lists`,
};
const AROUND = {
  name: "around",
  text: `SELECT beside.position AS before,
      (SELECT min(position) FROM cards
        WHERE list = $1 AND id <> $2 AND position > coalesce(beside.position, '-Infinity')) AS behind,
      (SELECT max(position) FROM cards WHERE list = $1 AND id <> $2) AS last
    FROM (SELECT 1) AS one LEFT JOIN cards AS beside ON beside.id = $3 AND beside.list = $1 AND beside.id <> $2`,
};
const RENUMBER = {
  name: "renumber",
  text: `UPDATE cards SET position = numbered.place
    FROM (SELECT id, row_number() OVER (ORDER BY position) AS place FROM cards WHERE list = $1) AS numbered
    WHERE cards.id = numbered.id`,
};
const MOVE = {
  name: "move",
  text: `UPDATE cards SET list = $2, position = $3, version = version + 1, changed_at = now()
    WHERE id = $1 AND board = $4 AND archived_at IS NULL RETURNING version`,
};
const BOARD = {
  name: "board",
  text: `SELECT id, name FROM boards
    WHERE id = $1 AND EXISTS (SELECT FROM board_members WHERE person = $2 AND board = $1)`,
};
const LISTS = { name: "lists", text: "SELECT id, board, name, position FROM lists WHERE board = $1 ORDER BY position" };
const LABELS = { name: "labels", text: "SELECT id, board, name, colour FROM labels WHERE board = $1 ORDER BY name" };
const MEMBERS = {
  name: "board members",
  text: `SELECT users.id AS user, users.name FROM board_members JOIN users ON users.id = board_members.person
    WHERE board_members.board = $1 ORDER BY users.name`,
};
// What belongs to the cards is grouped before it is joined: one pass of each table for the whole board.
const CARDS = {
  name: "cards",
  text: `WITH here AS (SELECT * FROM cards WHERE board = $1 AND archived_at IS NULL)
    SELECT here.id, here.board, here.list, here.position, here.title, here.description <> '' AS described,
      here.priority, here.due_at, here.due_has_time, here.created_by, here.created_at, here.changed_at, here.version,
      people.ids AS assignees, tagged.ids AS labels, items.total AS items, items.done AS items_done,
      said.total AS comments
    FROM here
    LEFT JOIN (SELECT card, array_agg(person) AS ids FROM card_people WHERE card IN (SELECT id FROM here)
      GROUP BY card) AS people ON people.card = here.id
    LEFT JOIN (SELECT card, array_agg(label) AS ids FROM card_labels WHERE card IN (SELECT id FROM here)
      GROUP BY card) AS tagged ON tagged.card = here.id
    LEFT JOIN (SELECT card, count(*)::integer AS total, count(*) FILTER (WHERE done)::integer AS done
      FROM checklist_items WHERE card IN (SELECT id FROM here) GROUP BY card) AS items ON items.card = here.id
    LEFT JOIN (SELECT card, count(*)::integer AS total FROM comments WHERE card IN (SELECT id FROM here)
      GROUP BY card) AS said ON said.card = here.id
    ORDER BY here.list, here.position`,
};

/** Where a card goes: behind the one named, or to the end if that is not in the list; null where there is no room. */
function between({ before, behind, last }, after) {
  if (after !== null && before === null) return last === null ? 1 : last + 1;
  if (behind === null) return before === null ? 1 : before + 1;
  if (before === null) return behind - 1;
  return behind - before < LEAST_GAP ? null : (before + behind) / 2;
}

async function move(pool, person, { card, list, after = null }) {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const { rows: places } = await client.query({ ...LOCK, values: [list, person] });
    if (places.length === 0) throw new Error("There is no such list.");
    const asked = { ...AROUND, values: [list, card, after] };
    let position = between((await client.query(asked)).rows[0], after);
    if (position === null) {
      await client.query({ ...RENUMBER, values: [list] });
      position = between((await client.query(asked)).rows[0], after);
    }
    const { board } = places[0];
    const { rows } = await client.query({ ...MOVE, values: [card, list, position, board] });
    if (rows.length === 0) throw new Error("There is no such card on this board.");
    await client.query("COMMIT");
    return { board, card, list, position, version: rows[0].version };
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
}

/** The card as clients see it: the fields of Hubbub's, so that both send answers of one size. */
function shape(row) {
  return {
    ...row,
    repeat: null,
    archived: false,
    message: null,
    assignees: row.assignees ?? [],
    labels: row.labels ?? [],
    items: row.items ?? 0,
    items_done: row.items_done ?? 0,
    comments: row.comments ?? 0,
  };
}

async function readBoard(pool, board, person) {
  const { rows: found } = await pool.query({ ...BOARD, values: [board, person] });
  if (found.length === 0) return null;
  const [lists, labels, members, cards] = await Promise.all(
    [LISTS, LABELS, MEMBERS, CARDS].map((query) => pool.query({ ...query, values: [board] })),
  );
  const columns = new Map(lists.rows.map((list) => [list.id, []]));
  for (const row of cards.rows) columns.get(row.list).push(shape(row));
  return {
    ...found[0],
    labels: labels.rows,
    members: members.rows,
    lists: lists.rows.map((list) => ({ ...list, total: columns.get(list.id).length, tasks: columns.get(list.id) })),
  };
}

/** For the benchmark only: a board of everybody with these lists, labels and cards; answers their ids. */
async function makeBoard(client, { lists, labels, cards }) {
  const add = async (text, values) => (await client.query(text, values)).rows[0]?.id;
  const board = await add("INSERT INTO boards (name) VALUES ('Launch') RETURNING id", []);
  await add("INSERT INTO board_members (board, person) SELECT $1, id FROM users", [board]);
  const { rows: people } = await client.query("SELECT id FROM users ORDER BY name");
  const places = [];
  for (const [place, name] of lists.entries()) {
    const text = "INSERT INTO lists (board, name, position) VALUES ($1, $2, $3) RETURNING id";
    places.push(await add(text, [board, name, place]));
  }
  const tags = [];
  for (const name of labels) {
    const text = "INSERT INTO labels (board, name, colour) VALUES ($1, $2, 'blue') RETURNING id";
    tags.push(await add(text, [board, name]));
  }
  const made = [];
  for (const [number, card] of cards.entries()) {
    const id = await add(
      `INSERT INTO cards (board, list, position, title, description, priority, due_at, created_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id`,
      [board, places[card.list], number, card.title, card.description, card.priority, card.due_at, people[0].id],
    );
    for (const person of card.people) {
      await add("INSERT INTO card_people (card, person) VALUES ($1, $2)", [id, people[person].id]);
    }
    for (const label of card.labels) {
      await add("INSERT INTO card_labels (card, label) VALUES ($1, $2)", [id, tags[label]]);
    }
    for (const text of card.items) {
      await add("INSERT INTO checklist_items (card, text, done) VALUES ($1, $2, false)", [id, text]);
    }
    for (const body of card.comments) {
      await add("INSERT INTO comments (card, author, body) VALUES ($1, $2, $3)", [id, people[0].id, body]);
    }
    made.push(id);
  }
  return { board, lists: places, cards: made };
}

/** `identify` gives the person of a request, `guard` refuses whom the benchmark did not start. */
export function addBoards({ app, io, pool, identify, guard }) {
  app.get("/boards/:id", async (request, response) => {
    const person = identify(request);
    if (person === null) return response.status(401).json({ error: "The access token is not valid." });
    const board = await readBoard(pool, request.params.id, person);
    if (board === null) return response.status(404).json({ error: "There is no such board." });
    return response.json(board);
  });
  app.post("/bench/board", guard, express.json({ limit: "8mb" }), async (request, response) => {
    const client = await pool.connect();
    await client.query("BEGIN");
    const made = await makeBoard(client, request.body);
    await client.query("COMMIT");
    await client.query("ANALYZE");
    client.release();
    response.status(201).json(made);
  });
  io.use(async (socket, next) => {
    const { boards = [] } = socket.handshake.auth;
    try {
      const { rows } = await pool.query({ ...FOLLOWED, values: [socket.data.person, boards] });
      socket.join(rows.map((row) => row.board));
      next();
    } catch {
      next(new Error("One of the boards has no id."));
    }
  });
  io.on("connection", (socket) => {
    socket.on("move", async (given, acknowledge) => {
      try {
        const moved = await move(pool, socket.data.person, given);
        io.to(moved.board).emit("moved", { ...moved, by: socket.data.person });
        acknowledge({ ok: true, ...moved });
      } catch (error) {
        console.error(error);
        acknowledge?.({ ok: false, error: "The card was not moved." });
      }
    });
  });
}
