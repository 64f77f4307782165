import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { consequences } from "../../src/core/consequences";
import { reduce } from "../../src/core/reduce";
import type { State } from "../../src/core/store";
import type { Entry, Id, Message } from "../../src/core/wire";
import { randomFrom } from "./fixtures";
import { ME, Model, ROOM, WORKSPACE } from "./model";

/** Applies entries as the page does: what a consequence would ask of the server is given by the model. */
function bringForward(state: State, entries: Entry[], model: Model): State {
  let next = state;
  let recount = false;
  for (const entry of entries) {
    recount ||= consequences(next, entry).some((consequence) => consequence.do === "recount");
    next = reduce(next, entry);
  }
  const view = model.roomView();
  const known = next.rooms[ROOM];
  if (!recount || !view || !known) return next;
  const { unread, mentions } = view;
  return { ...next, rooms: { [ROOM]: { ...known, unread, mentions } } };
}

/** What the interface sees, without the bookkeeping. */
function visible(state: State) {
  const messages = state.timelines[ROOM]?.messages.map(({ asOf: _asOf, key: _key, ...message }) => message);
  const { me, workspace, people, rooms } = state;
  return { me, workspace, people, rooms, messages };
}

function since(model: Model, cursors: Record<Id, number>): Entry[][] {
  return Object.entries(cursors).map(([stream, cursor]) => model.logs[stream]?.slice(cursor) ?? []);
}

function cursorsOf(model: Model): Record<Id, number> {
  return { [ROOM]: model.head(ROOM), [WORKSPACE]: model.head(WORKSPACE), [ME]: model.head(ME) };
}

function some(
  model: Model,
  random: () => number,
  fits: (message: Message) => boolean = () => true,
): Message | undefined {
  const fitting = model.messages.filter(fits);
  return fitting[Math.floor(random() * fitting.length)];
}

function step(model: Model, random: () => number, rewrites = true): void {
  const alive = some(model, random, (message) => !message.deleted);
  const author = ["ann", ME, "bob"][Math.floor(random() * 3)] as Id;
  const dice = random();
  if (dice < 0.35 || !alive) model.post(author, null, random() < 0.3 ? [ME] : []);
  else if (dice < 0.5) model.post(author, some(model, random) ?? null);
  else if (dice < 0.6 && rewrites) model.edit(alive);
  else if (dice < 0.68 && rewrites) model.delete(alive);
  else if (dice < 0.82) model.react(alive, random() < 0.5 ? "👍" : "🎉", author);
  else if (dice < 0.88) model.read(Math.floor(random() * (model.head(ROOM) + 1)));
  else if (dice < 0.91) model.rename(`name ${dice}`);
  else if (dice < 0.94) model.toggleMember("bob");
  else if (dice < 0.97) model.renameUser(random() < 0.5 ? ME : "ann", `name ${dice}`);
  else model.renameWorkspace(`name ${dice}`);
}

/** Loads at a random moment with cursors from an earlier one, then gets the entries, the streams one after the other. */
function story(seed: number): void {
  const random = randomFrom(seed);
  const model = new Model();
  for (let count = 0; count < 20; count += 1) step(model, random);
  const cursors = cursorsOf(model);
  const early = random() < 0.5;
  for (let count = 0; early && count < 15; count += 1) step(model, random, random() < 0.5);
  const state = model.load();
  // Without edits and deletions the client counts what is unread by itself.
  const rewrites = random() < 0.5;
  for (let count = 0; count < 25; count += 1) step(model, random, rewrites);
  const ending = random();
  if (ending < 0.1) model.deleteRoom();
  else if (ending < 0.2) model.leave();
  const streams = since(model, cursors).sort(() => random() - 0.5);
  const after = bringForward(state, streams.flat(), model);
  expect(visible(after)).toEqual(visible(model.load()));
}

describe("reduce", () => {
  it("gives what loading afresh gives, wherever the load falls between the entries", () => {
    fc.assert(fc.property(fc.integer(), story), { numRuns: 500 });
  });

  const kinds: [string, (model: Model, message: Message, root: Message) => void][] = [
    ["message.posted", (model) => model.post("ann")],
    ["message.posted (an answer)", (model, _message, root) => model.post("ann", root)],
    ["message.edited", (model, message) => model.edit(message)],
    ["message.deleted", (model, message) => model.delete(message)],
    ["reaction.added", (model, message) => model.react(message, "👍", "ann")],
    ["room.changed", (model) => model.rename("Another name")],
    ["member.joined and member.left", (model) => [model.toggleMember("bob"), model.toggleMember("ann")]],
    ["read.moved", (model) => model.read(2)],
    ["user.changed", (model) => model.renameUser("ann", "Ann Other")],
    ["user.changed (oneself)", (model) => model.renameUser(ME, "Me Myself")],
    ["workspace.changed", (model) => model.renameWorkspace("Firm")],
    ["member.left (oneself)", (model) => model.leave()],
    ["room.deleted", (model) => model.deleteRoom()],
  ];
  it.each(kinds)("applies %s", (_kind, act) => {
    const model = new Model();
    model.post("ann");
    model.post("bob");
    model.post("ann", model.messages[0]);
    const before = model.load();
    const cursors = cursorsOf(model);
    act(model, model.messages[2] as Message, model.messages[0] as Message);
    const entries = since(model, cursors).flat();
    expect(entries.length).toBeGreaterThan(0);
    expect(visible(bringForward(before, entries, model))).toEqual(visible(model.load()));
  });

  it("applies reaction.removed", () => {
    const model = new Model();
    model.post("ann");
    model.react(model.messages[0] as Message, "👍", "ann");
    const before = model.load();
    const cursors = cursorsOf(model);
    model.react(model.messages[0] as Message, "👍", "ann");
    expect(visible(bringForward(before, since(model, cursors).flat(), model))).toEqual(visible(model.load()));
  });

  it("touches only the message that changed", () => {
    const model = new Model();
    for (let count = 0; count < 5; count += 1) model.post("ann");
    const before = model.load();
    const cursors = cursorsOf(model);
    model.react(model.messages[2] as Message, "👍", "bob");
    model.post("bob");
    const after = since(model, cursors).flat().reduce(reduce, before);
    const [old, now] = [before.timelines[ROOM]?.messages ?? [], after.timelines[ROOM]?.messages ?? []];
    expect(now).toHaveLength(6);
    for (const at of [0, 1, 3, 4]) expect(now[at]).toBe(old[at]);
    expect(now[2]).not.toBe(old[2]);
    expect(after.people).toBe(before.people);
  });

  it("leaves an entry of a kind it does not know alone, but for the head", () => {
    const model = new Model();
    model.post("ann");
    const before = model.load();
    const after = reduce(before, { stream: ROOM, seq: 2, kind: "call.started", actor: "ann", at: "", data: {} });
    expect(after.rooms[ROOM]?.head).toBe(2);
    expect(after.timelines).toBe(before.timelines);
  });

  it("does not append to a window that does not reach the end, and counts the message as unread", () => {
    const model = new Model();
    for (let count = 0; count < 5; count += 1) model.post("ann");
    const loaded = model.load();
    const timeline = loaded.timelines[ROOM];
    if (!timeline) throw new Error("not loaded");
    const before = {
      ...loaded,
      timelines: { [ROOM]: { ...timeline, messages: timeline.messages.slice(0, 3), hasAfter: true } },
    };
    const cursors = cursorsOf(model);
    model.post("bob");
    const after = since(model, cursors).flat().reduce(reduce, before);
    expect(after.timelines[ROOM]?.messages).toHaveLength(3);
    expect(after.timelines[ROOM]?.hasAfter).toBe(true);
    expect(after.rooms[ROOM]?.unread).toBe(6);
  });
});
