import { act, renderHook } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import type { BoardList } from "../../../src/core/boards/wire";
import { useFinishing } from "../../../src/ui/boards/mine/use-finishing";
import { boardActions } from "../../../src/ui/boards/store";
import { cardOf } from "./cards";

vi.mock("../../../src/ui/boards/store", () => ({
  boardActions: { changeTask: vi.fn(), listsOf: vi.fn(), moveTasks: vi.fn() },
}));

const LISTS = ["todo", "later", "done"].map((id) => ({ id, status: id === "done" ? "done" : "open" }) as BoardList);

it("puts a task back where it was, though it is still shown where it was moved to", async () => {
  vi.mocked(boardActions.listsOf).mockResolvedValue(LISTS);
  const { result } = renderHook(useFinishing);
  const task = cardOf({ list: "todo" });
  const moved = { ...task, list: "done" };

  await act(() => result.current.toggle(task, true));
  expect(boardActions.changeTask).toHaveBeenLastCalledWith("board", task.id, { status: "done" });
  await act(() => result.current.toggle(moved, false));
  expect(boardActions.moveTasks).toHaveBeenLastCalledWith("board", [task.id], "todo");
  expect(result.current.kept[task.id]).toEqual({ card: task, done: false });

  // Somebody has moved it since.
  const elsewhere = { ...task, list: "later" };
  await act(() => result.current.toggle(elsewhere, true));
  await act(() => result.current.toggle(moved, false));
  expect(boardActions.moveTasks).toHaveBeenLastCalledWith("board", [task.id], "later");
});
