import { act, cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Invitation } from "../../src/core/wire";
import { actions, anew } from "./world";

vi.mock("../../src/ui/store", () => import("./world"));
const { default: Join } = await import("../../src/ui/gate/Join");

beforeEach(anew);
afterEach(cleanup);

function field(label: string): HTMLInputElement {
  return screen.getByLabelText(label) as HTMLInputElement;
}

it("keeps what was typed while the invitation was on its way, and offers its address", async () => {
  let arrive: (invitation: Invitation) => void = () => undefined;
  actions.invitation.mockImplementationOnce(
    () =>
      new Promise((resolve) => {
        arrive = resolve;
      }),
  );
  render(<Join code="c0de" />);
  await userEvent.type(field("Your name"), "Mia Member");
  await act(async () => {
    arrive({
      code: "c0de",
      inviter: "Olga",
      role: "member",
      workspace: "North",
      email: "mia@example.com",
    } as Invitation);
  });
  expect(field("Your name").value).toBe("Mia Member");
  expect(field("Email").value).toBe("mia@example.com");
  await userEvent.type(field("Password"), "a long enough passphrase");
  await userEvent.click(screen.getByRole("button", { name: "Join" }));
  expect(actions.signUp).toHaveBeenCalledExactlyOnceWith({
    name: "Mia Member",
    email: "mia@example.com",
    password: "a long enough passphrase",
    invite: "c0de",
  });
});
