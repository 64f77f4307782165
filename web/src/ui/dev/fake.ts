/** core/ played in memory, for looking at the interface without a server. `?as=first-run|signed-out|reconnecting|…` sets the scene. */
import { create } from "zustand";
import type { Actions, State, Timeline, TimelineMessage } from "../../core/store";
import type { Id, Invitation, RoomView } from "../../core/wire";
import { addRoom, histories, ids, launch, me, message, people, rooms } from "./dataset";

const scene = new URLSearchParams(window.location.search).get("as") ?? sessionStorage.getItem("fake.scene") ?? "";
sessionStorage.setItem("fake.scene", scene);
const PAGE = 60;
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

export const useStore = create<State>(() => ({
  phase: "starting",
  setup: { first_run: scene === "first-run", signup_open: false, workspace: "Northwind", version: "1" },
  me: null,
  workspace: { id: "w", name: "Northwind", sample: scene === "sample" },
  people: {},
  online: {},
  rooms: {},
  timelines: {},
  threads: {},
  typing: {},
  drafts: {},
  linked: {},
  notice: null,
  stats: null,
  connection: { state: "online", queued: 0, caughtUp: null, update: false },
}));
const { getState, setState } = useStore;

function page(room: Id, from: number, to: number): Partial<Timeline> {
  const list = histories[room] ?? [];
  return {
    messages: list.slice(Math.max(0, from), to),
    hasBefore: from > 0,
    hasAfter: to < list.length,
    loading: null,
  };
}

function setTimeline(room: Id, change: Partial<Timeline>): void {
  const before = getState().timelines[room] ?? {
    messages: [],
    hasBefore: false,
    hasAfter: false,
    loading: null,
    error: null,
    unreadFrom: null,
  };
  setState({ timelines: { ...getState().timelines, [room]: { ...before, ...change } } });
}

function setRoom(room: Id, change: Partial<RoomView>): void {
  const before = getState().rooms[room];
  if (before) setState({ rooms: { ...getState().rooms, [room]: { ...before, ...change } } });
}

function change(id: Id, how: (message: TimelineMessage) => TimelineMessage): void {
  for (const list of Object.values(histories)) {
    const place = list.findIndex((one) => one.id === id);
    const before = list[place];
    if (!before) continue;
    const after = how(before);
    list[place] = after;
    const timeline = getState().timelines[before.room];
    if (timeline) setTimeline(before.room, { messages: timeline.messages.map((one) => (one.id === id ? after : one)) });
    setState({
      threads: Object.fromEntries(
        Object.entries(getState().threads).map(([root, all]) => [
          root,
          all.map((one) => (one.id === id ? after : one)),
        ]),
      ),
    });
  }
}

function arrive(room: Id, one: TimelineMessage): void {
  histories[room]?.push(one);
  const timeline = getState().timelines[room];
  if (timeline && !timeline.hasAfter) {
    setTimeline(room, {
      messages: [...timeline.messages.filter((other) => other.key === undefined || other.key !== one.key), one],
    });
  }
  setRoom(room, { head: one.seq, last_message_at: one.created_at });
}

function enter(as: string): void {
  const guest = as === "guest";
  const alone = as === "alone";
  const own = guest ? people[ids[10] as Id] : me;
  setState({
    phase: "signed-in",
    me: own ?? me,
    people: alone ? { [me.id]: me } : people,
    online: Object.fromEntries(ids.filter((_, index) => index % 3 !== 2).map((id) => [id, true as const])),
    rooms: alone
      ? {}
      : guest
        ? Object.fromEntries(Object.entries(rooms).filter(([, room]) => room.name.startsWith("Northwind")))
        : rooms,
    connection: {
      state: as === "reconnecting" || as === "offline" ? as : "online",
      queued: as === "offline" ? 2 : 0,
      caughtUp: as === "back" ? 12 : null,
      update: as === "update",
    },
    typing: { [launch]: { [ids[2] as Id]: Date.now() + 3_600_000, [ids[1] as Id]: Date.now() + 3_600_000 } },
    drafts: { [Object.keys(rooms)[4] ?? ""]: "Half a thought" },
  });
}

const invitation = (change: Partial<Invitation>): Invitation => ({
  code: `c${Math.random().toString(36).slice(2)}`,
  url: "http://127.0.0.1:8000/join/V1StGXR8_Z5jdHi6B-myT",
  role: "member",
  room: null,
  room_name: null,
  workspace: "Northwind",
  inviter: "Ana Kovač",
  email: null,
  uses_left: 1,
  expires_at: new Date(Date.now() + 6.5 * 86_400_000).toISOString(),
  ...change,
});
let invitations = [invitation({}), invitation({ role: "guest", room_name: "Northwind GmbH", uses_left: 9 })];

export const actions: Actions = {
  async start() {
    if (scene === "starting") return;
    if (scene === "first-run" || scene === "signed-out") setState({ phase: "signed-out" });
    else enter(scene);
  },
  async signUp() {
    await wait(300);
    enter("alone");
  },
  async signIn({ password }) {
    await wait(300);
    if (password === "wrong") throw new Error("Email or password is wrong.");
    enter("");
  },
  async joinAsGuest() {
    enter("guest");
    return me;
  },
  async signOut() {
    setState({ phase: "signed-out" });
  },
  async changePassword() {
    await wait(200);
  },
  async openRoom(room) {
    if (getState().timelines[room]) return;
    setTimeline(room, { loading: "initial" });
    if (scene === "loading") return;
    await wait(80);
    const many = histories[room]?.length ?? 0;
    const { read, unread } = getState().rooms[room] ?? { read: 0, unread: 0 };
    setTimeline(room, { ...page(room, many - PAGE, many), unreadFrom: unread > 0 ? read : null });
  },
  async loadBefore(room) {
    const timeline = getState().timelines[room];
    if (!timeline?.hasBefore || timeline.loading) return;
    setTimeline(room, { loading: "before" });
    await wait(120);
    const first = (timeline.messages[0]?.seq ?? 1) - 1;
    const older = page(room, first - PAGE, first);
    setTimeline(room, {
      messages: [...(older.messages ?? []), ...(getState().timelines[room]?.messages ?? [])],
      hasBefore: older.hasBefore,
      loading: null,
    });
  },
  async loadAfter(room) {
    const timeline = getState().timelines[room];
    if (!timeline?.hasAfter || timeline.loading) return;
    setTimeline(room, { loading: "after" });
    await wait(120);
    const last = timeline.messages.at(-1)?.seq ?? 0;
    const newer = page(room, last, last + PAGE);
    setTimeline(room, {
      messages: [...timeline.messages, ...(newer.messages ?? [])],
      hasAfter: newer.hasAfter,
      loading: null,
    });
  },
  async jumpTo(room, seq) {
    setTimeline(room, { loading: "initial" });
    await wait(120);
    setTimeline(room, page(room, seq - 30, seq + 30));
  },
  async jumpToEnd(room) {
    const many = histories[room]?.length ?? 0;
    setTimeline(room, page(room, many - PAGE, many));
  },
  async openThread(root) {
    await wait(60);
    const found = Object.values(histories).flatMap((list) =>
      list.filter((one) => one.id === root || one.reply_to === root),
    );
    setState({ threads: { ...getState().threads, [root]: found } });
  },
  post(room, body, replyTo) {
    const key = crypto.randomUUID();
    const seq = (histories[room]?.at(-1)?.seq ?? 0) + 1;
    const one = { ...message(room, seq, me.id, body, Date.now()), key, reply_to: replyTo ?? null };
    const timeline = getState().timelines[room];
    const pending = { ...one, seq: 0, delivery: "sending" as const };
    if (timeline) setTimeline(room, { messages: [...timeline.messages, pending] });
    setTimeout(() => {
      if (body.includes("fail")) {
        const messages = getState().timelines[room]?.messages ?? [];
        setTimeline(room, {
          messages: messages.map((other) =>
            other.key === key ? { ...other, delivery: "failed" as const, error: "This room is archived." } : other,
          ),
        });
        return;
      }
      arrive(room, one);
      if (replyTo) {
        change(replyTo, (root) => ({ ...root, replies: root.replies + 1 }));
        setState({ threads: { ...getState().threads, [replyTo]: [...(getState().threads[replyTo] ?? []), one] } });
      }
    }, 400);
  },
  retry() {},
  discard(key) {
    for (const [room, timeline] of Object.entries(getState().timelines)) {
      setTimeline(room, { messages: timeline.messages.filter((one) => one.key !== key) });
    }
  },
  async edit(id, body) {
    await wait(150);
    change(id, (one) => ({ ...one, body, edited_at: new Date().toISOString() }));
  },
  async remove(id) {
    await wait(150);
    change(id, (one) => ({ ...one, body: "", deleted: true, reactions: [] }));
  },
  async react(id, emoji, on) {
    change(id, (one) => {
      const rest = one.reactions.map((reaction) =>
        reaction.emoji === emoji ? { emoji, users: reaction.users.filter((user) => user !== me.id) } : reaction,
      );
      if (!on) return { ...one, reactions: rest.filter((reaction) => reaction.users.length) };
      const known = rest.some((reaction) => reaction.emoji === emoji);
      const reactions = known
        ? rest.map((reaction) => (reaction.emoji === emoji ? { emoji, users: [...reaction.users, me.id] } : reaction))
        : [...rest, { emoji, users: [me.id] }];
      return { ...one, reactions };
    });
  },
  markRead(room, seq) {
    setRoom(room, { read: seq, unread: 0, mentions: 0 });
  },
  markAllRead() {
    for (const room of Object.values(getState().rooms)) setRoom(room.id, { read: room.head, unread: 0, mentions: 0 });
  },
  type() {},
  setDraft(where, text) {
    setState({ drafts: { ...getState().drafts, [where]: text } });
  },
  async createRoom({ name = "", kind, topic = "", members = [] }) {
    await wait(150);
    const id = addRoom(name, kind, [me.id, ...members], 0, { topic, ago: 0 });
    const room = rooms[id] as RoomView;
    setState({ rooms: { ...getState().rooms, [id]: room } });
    return room;
  },
  async changeRoom(room, how) {
    setRoom(room, how);
  },
  async deleteRoom(room) {
    const { [room]: _gone, ...rest } = getState().rooms;
    setState({ rooms: rest });
  },
  async joinRoom(room) {
    setRoom(room, { joined: true });
  },
  async leaveRoom(room) {
    setRoom(room, { joined: false });
  },
  async addMember(room, user) {
    setRoom(room, { members: [...(getState().rooms[room]?.members ?? []), user] });
  },
  async removeMember(room, user) {
    setRoom(room, { members: (getState().rooms[room]?.members ?? []).filter((id) => id !== user) });
  },
  async updateMe(how) {
    setState({ me: { ...me, ...how } });
  },
  async updateUser(user, how) {
    const before = getState().people[user];
    if (before) setState({ people: { ...getState().people, [user]: { ...before, ...how } } });
  },
  async sessions() {
    const agent = navigator.userAgent;
    const ago = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();
    return [
      { id: "1", current: true, user_agent: agent, address: "127.0.0.1", created_at: ago(50), last_used_at: ago(0) },
      {
        id: "2",
        current: false,
        user_agent: "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile Safari/604.1",
        address: "192.0.2.44",
        created_at: ago(300),
        last_used_at: ago(7),
      },
    ];
  },
  async endSession() {},
  async invite(form) {
    await wait(150);
    const made = invitation({ role: form.role, uses_left: form.uses ?? null });
    invitations = [made, ...invitations];
    return made;
  },
  async invitations() {
    return invitations;
  },
  async invitation(code) {
    await wait(60);
    if (code === "gone") throw new Error("This invitation has expired.");
    return invitation({ code, room: launch, room_name: "launch" });
  },
  async withdrawInvitation(code) {
    invitations = invitations.filter((one) => one.code !== code);
  },
  async search(query, room) {
    await wait(150);
    return Object.entries(histories)
      .filter(([id]) => !room || id === room)
      .flatMap(([id, list]) =>
        list
          .filter((one) => one.body.toLowerCase().includes(query.toLowerCase()))
          .slice(-5)
          .map((found) => ({ message: found, room_name: rooms[id]?.name ?? "" })),
      );
  },
  async addSample() {
    setState({ people, rooms, workspace: { id: "w", name: "Northwind", sample: true } });
  },
  async removeSample() {
    setState({ workspace: { id: "w", name: "Northwind", sample: false } });
  },
};

Object.assign(window, {
  fake: {
    useStore,
    launch,
    /** A message of somebody else. */
    hear(room: Id, body: string, author = ids[1] as Id) {
      const seq = (histories[room]?.at(-1)?.seq ?? 0) + 1;
      arrive(room, message(room, seq, author, body, Date.now()));
    },
  },
});
