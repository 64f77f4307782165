import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, it, vi } from "vitest";
import { Boundary } from "../../src/ui/parts/Boundary";

afterEach(cleanup);

function Broken(): never {
  throw new Error("cannot be drawn");
}

it("tells of what cannot be drawn, and leaves the rest alone", () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const reported = vi.fn();
  vi.stubGlobal("reportError", reported);
  render(
    <>
      <p>Beside it</p>
      <Boundary>
        <Broken />
      </Boundary>
    </>,
  );
  expect(screen.getByText("Beside it")).toBeTruthy();
  expect(screen.getByRole("alert").textContent).toContain("could not be shown");
  expect(reported.mock.calls[0]?.[0]).toMatchObject({ message: "cannot be drawn" });
});
