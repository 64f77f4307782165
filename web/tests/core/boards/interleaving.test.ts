import fc from "fast-check";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { fromPage } from "../../../src/core/boards/reduce";
import type { BoardEvent } from "../../../src/core/outbox-store";
import { type Act, actOn, anAct, asCommand, checkWhole } from "./acts";
import { BoardServer, stop, type Tab } from "./fake-boards";
import { BOARD } from "./model";

/** What happens next: somebody else does something, one does it oneself, or the way between is good or bad. */
type Step =
  | { who: "ann" | "me"; act: Act }
  | { way: "late" | "deliver" | "lose acks" | "drop" | "reset" | "reload" | "wait" | "open a task" };

const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ who: fc.constant("ann" as const), act: anAct }) },
  { weight: 5, arbitrary: fc.record({ who: fc.constant("me" as const), act: anAct }) },
  {
    weight: 3,
    arbitrary: fc.record({
      way: fc.constantFrom("late", "deliver", "lose acks", "drop", "reset", "reload", "wait", "wait", "open a task"),
    }) as fc.Arbitrary<Step>,
  },
);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date"] });
});

afterEach(() => {
  vi.useRealTimers();
  localStorage.clear();
});

const settle = (ms: number) => vi.advanceTimersByTimeAsync(ms);

async function visit(on: BoardServer): Promise<Tab> {
  const tab = on.tab();
  await tab.actions.start();
  tab.boardActions.openBoard(BOARD);
  await settle(50);
  return tab;
}

const data = (tab: Tab) => tab.useBoards.getState().boards[BOARD]?.data;

function doOwn(tab: Tab, act: Act): number {
  const shown = data(tab);
  if (!shown) return 0;
  const command = asCommand(act, Object.keys(shown.tasks).sort(), Object.keys(shown.order));
  if (!command) return 0;
  tab.boards.sending.send(command.event as BoardEvent, BOARD, command.args).catch(() => {});
  return command.event === "task.create" ? 1 : 0;
}

it("shows in the end what the log has, whatever came when, and did each thing once", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(aStep, { minLength: 5, maxLength: 60, size: "max" }), async (steps) => {
      const on = new BoardServer();
      for (let turn = 0; turn < 5; turn += 1) actOn(on.model, "ann", { kind: "create", one: turn, two: turn });
      let tab = await visit(on);
      let made = 0;
      for (const step of steps) {
        if ("act" in step) {
          if (step.who === "ann") actOn(on.model, "ann", step.act);
          else made += doOwn(tab, step.act);
        } else if (step.way === "late") on.silent = true;
        else if (step.way === "deliver") {
          on.silent = false;
          on.deliver();
        } else if (step.way === "lose acks") on.losesAcks = !on.losesAcks;
        else if (step.way === "drop") on.socket.drop();
        else if (step.way === "reset") {
          if (on.socket.connected) on.socket.push("reset", { stream: BOARD, head: on.head(BOARD), reason: "too_old" });
        } else if (step.way === "open a task") {
          const [task] = Object.keys(data(tab)?.tasks ?? {});
          if (task) tab.boardActions.openTask(BOARD, task);
        } else if (step.way === "reload") {
          stop(tab);
          on.socket.disconnect();
          tab = await visit(on);
        } else await settle(70);
        const shown = data(tab);
        if (shown) checkWhole(shown);
      }
      on.silent = false;
      on.losesAcks = false;
      on.socket.drop();
      await settle(90_000);
      expect(tab.core.outbox.list()).toEqual([]);
      const shown = tab.useBoards.getState().boards[BOARD];
      expect(shown?.data).toEqual(fromPage(on.model.page()).data);
      expect(shown).toMatchObject({ pending: {}, partial: false, loading: false, error: null });
      expect(tab.boards.opsOf(BOARD)).toEqual([]);
      const keys = (on.logs[BOARD] ?? []).flatMap(({ key }) => key ?? []);
      expect(new Set(keys).size).toBe(keys.length);
      const own = [...on.model.tasks.values()].filter(({ created_by }) => created_by === "me");
      expect(own.length).toBeLessThanOrEqual(made);
      for (const [task, detail] of Object.entries(tab.useBoards.getState().details)) {
        if (!detail.card) continue;
        const { description, checklist } = on.model.whole(task);
        expect(detail).toMatchObject({ description, checklist, loading: false });
        expect(detail.comments.map(({ id }) => id)).toEqual(
          [...on.model.comments.values()].filter((one) => one.task === task).map(({ id }) => id),
        );
      }
      stop(tab);
    }),
    { numRuns: 60 },
  );
}, 20_000);
