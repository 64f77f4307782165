/** A small company and what it says to one another; made from a seed, so that screenshots compare. */
import type { TimelineMessage } from "../../core/store";
import type { Id, RoomKind, RoomView, User } from "../../core/wire";

let seed = 7;
function random(): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed / 2 ** 32;
}
function pick<T>(from: readonly T[]): T {
  return from[Math.floor(random() * from.length)] as T;
}

const NOW = Date.now();
const MINUTE = 60_000;
const at = (ms: number) => new Date(ms).toISOString();

const NAMES: [name: string, title: string, role: User["role"]][] = [
  ["Ana Kovač", "Founder", "owner"],
  ["Ben Okafor", "Engineering", "admin"],
  ["Chiara Romano", "Design", "member"],
  ["Dmitri Sokolov", "Backend", "member"],
  ["Elif Yılmaz", "Product", "member"],
  ["Farid Haddad", "Support", "member"],
  ["Grace Lindqvist", "Marketing", "member"],
  ["Hiro Tanaka", "Mobile", "member"],
  ["Ines Duarte", "Finance", "member"],
  ["Jonas Weber", "Northwind GmbH", "client"],
  ["Kim", "", "guest"],
  ["Leo Marchetti", "Operations", "member"],
];

export const people: Record<Id, User> = {};
export const ids = NAMES.map(([name, title, role], index) => {
  const id = `0192a000-0000-7000-8000-0000000000${String(index + 10)}`;
  people[id] = {
    id,
    name,
    title,
    role,
    email: `${name.split(" ")[0]?.toLowerCase()}@northwind.example`,
    active: name !== "Leo Marchetti",
    created_at: at(NOW - 90 * 86_400_000),
  };
  return id;
});
export const me = people[ids[0] as Id] as User;

const SAID = [
  "Morning. The staging deploy went through, logs look quiet.",
  "Can somebody check the invoice template before noon?",
  "On it.",
  "I moved the review to 14:00 so that Jonas can join.",
  "Numbers for last week:\n- 312 sign-ups\n- 41 trials\n- 6 upgrades",
  "Looks good to me 👍",
  'The retry path drops the key when the body is empty. Fix:\n\n```ts\nif (body.trim() === "") return;\nawait outbox.add({ key, body });\n```',
  "> Do we still support Safari 16?\n\nNo, 17.4 and up since the spring.",
  "Docs: https://example.com/guides/getting-started",
  "Let us keep it **small**: one button, one sentence.",
  "🎉",
  "The contrast of `--ink-3` on the sidebar is 4.9 now, fine.",
  "I will be out on Friday afternoon.",
  "Yes.",
  "Could we write the decision down somewhere? It took us three meetings and I would rather not hold a fourth one about the very same question in March.",
  "Agreed, I will do it today.",
  "Who is on call this weekend?",
  "Thanks!",
];

let count = 0;
export function message(room: Id, seq: number, author: Id, body: string, when: number): TimelineMessage {
  count += 1;
  return {
    id: `0192b000-0000-7000-8000-${String(count).padStart(12, "0")}`,
    room,
    seq,
    author,
    body,
    reply_to: null,
    replies: 0,
    reactions: [],
    mentions: [],
    attachments: [],
    created_at: at(when),
    edited_at: null,
    deleted: false,
    delivery: "sent",
  };
}

function history(room: Id, members: Id[], many: number, newest: number): TimelineMessage[] {
  let when = newest - many * 7 * MINUTE;
  let author = pick(members);
  const list: TimelineMessage[] = [];
  for (let seq = 1; seq <= many; seq += 1) {
    const same = random() < 0.45;
    when += same ? 40_000 * random() : 14 * MINUTE * random();
    if (!same) author = pick(members);
    list.push(message(room, seq, author, pick(SAID), Math.min(when, newest)));
  }
  return list;
}

export const rooms: Record<Id, RoomView> = {};
export const histories: Record<Id, TimelineMessage[]> = {};

export function addRoom(
  name: string,
  kind: RoomKind,
  members: Id[],
  many: number,
  more: Partial<RoomView> & { ago?: number } = {},
): Id {
  const { ago = 5, ...rest } = more;
  const id = `0192c000-0000-7000-8000-0000000000${String(Object.keys(rooms).length + 10)}`;
  const list = history(id, members, many, NOW - ago * MINUTE);
  histories[id] = list;
  rooms[id] = {
    id,
    name,
    topic: "",
    kind,
    created_at: at(NOW - 60 * 86_400_000),
    archived: false,
    head: many,
    joined: true,
    members,
    read: many,
    unread: 0,
    mentions: 0,
    last_message_at: list.at(-1)?.created_at ?? null,
    ...rest,
  };
  return id;
}

const all = ids.slice(0, 9);
export const launch = addRoom("launch", "open", [...all, ids[9] as Id], 64, {
  topic: "Version 2 on 4 December. Blockers first.",
  ago: 2,
});
addRoom("general", "open", ids, 10_000, { topic: "Everything that concerns everybody", ago: 12 });
addRoom("design", "open", ids.slice(0, 5), 40, { ago: 30, read: 36, unread: 4 });
addRoom("Northwind GmbH", "private", [ids[0], ids[4], ids[9], ids[10]] as Id[], 24, {
  ago: 55,
  read: 20,
  unread: 3,
  mentions: 1,
});
addRoom("support", "open", ids.slice(0, 7), 80, { ago: 90 });
addRoom("finance", "private", [ids[0], ids[8]] as Id[], 12, { ago: 900 });
addRoom("watercooler with a rather long name", "open", all, 30, { ago: 2000 });
addRoom("empty", "open", [ids[0] as Id], 0, { ago: 9000 });
addRoom("mobile", "open", ids.slice(1, 8), 20, { joined: false, topic: "iOS and Android", ago: 300 });
addRoom("spring fair", "open", all, 20, { archived: true, ago: 30_000 });
addRoom("", "direct", [ids[0], ids[2]] as Id[], 30, { ago: 8, read: 28, unread: 2 });
addRoom("", "direct", [ids[0], ids[1]] as Id[], 12, { ago: 200 });
addRoom("", "direct", [ids[0], ids[3], ids[4]] as Id[], 9, { ago: 400 });

function decorate(): void {
  const list = histories[launch] ?? [];
  const from = list.length - 12;
  const [, ben, chiara, dmitri, elif] = ids as [Id, Id, Id, Id, Id];
  const script: [author: Id, minutesAgo: number, body: string][] = [
    [
      elif,
      58,
      "Two things left for the launch checklist: the pricing page and the migration note. @Ana Kovač can you take the note?",
    ],
    [me.id, 55, "Yes, by noon."],
    [chiara, 41, "Pricing page is ready for review. Mobile first, then the table."],
    [chiara, 41, "I kept the three columns; the middle one is marked with the accent only."],
    [
      dmitri,
      33,
      "Migration ran on a copy of production: **11 min**, no lock longer than 40 ms.\n\n```sql\nalter table message add column asof bigint;\n```",
    ],
    [
      ben,
      30,
      "Nice. I would still do it on Sunday night:\n\n1. freeze deploys at 22:00\n2. run it\n3. watch `p99` for an hour",
    ],
    [me.id, 26, "Sunday it is. I will write to the clients."],
    [elif, 20, "> freeze deploys at 22:00\n\nCan we make it 21:30? Hiro is on a train after that."],
    [ben, 19, "Sure."],
    [chiara, 12, "🎉🎉"],
    [ben, 9, "The runbook is at https://example.com/runbooks/launch, please read it before Friday. @all"],
    [elif, 3, "Read it. Step 4 needs an owner."],
  ];
  script.forEach(([author, ago, body], index) => {
    const one = list[from + index];
    if (one) Object.assign(one, { author, body, created_at: at(NOW - ago * MINUTE) });
  });
  const last = (back: number) => list[list.length - back] as TimelineMessage;
  last(12).mentions = [me.id];
  last(12).replies = 2;
  last(11).reply_to = last(12).id;
  last(4).reply_to = last(7).id;
  last(7).replies = 1;
  last(10).reactions = [
    { emoji: "👀", users: [ben, elif] },
    { emoji: "🚀", users: [me.id, dmitri, ben] },
  ];
  last(8).edited_at = at(NOW - 32 * MINUTE);
  last(6).edited_at = at(NOW - 25 * MINUTE);
  last(2).reactions = [{ emoji: "✅", users: [chiara] }];
  const tomb = list[list.length - 14];
  if (tomb) Object.assign(tomb, { deleted: true, body: "", reactions: [] });
}
decorate();
