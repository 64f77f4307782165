import { Link, useLocation } from "wouter";
import { secretOf, textOf, useForm } from "../lib/form";
import { Button } from "../parts/Button";
import { Field, FormError } from "../parts/Field";
import { actions, useStore } from "../store";
import { Gate } from "./Gate";
import { Gone, useInvitation } from "./invitation";

/** Sign-up, with an invitation or, where sign-up is open, without. */
export default function Join({ code }: { code?: string }) {
  const workspace = useStore((state) => state.setup?.workspace);
  const found = useInvitation(code);
  const [, navigate] = useLocation();
  const form = useForm(async (data) => {
    await actions.signUp({
      name: textOf(data, "name"),
      email: textOf(data, "email"),
      password: secretOf(data, "password"),
      ...(code !== undefined && { invite: code }),
    });
    navigate("/", { replace: true });
  });
  if (found && "error" in found) return <Gone error={found.error} />;
  const invitation = found?.invitation;
  const place = invitation?.workspace ?? workspace ?? "the workspace";
  return (
    <Gate
      title={code !== undefined && !invitation ? "Opening your invitation" : `Join ${place}`}
      text={
        invitation &&
        `${invitation.inviter} invited you${invitation.room_name ? ` to ${invitation.room_name}` : ""}${
          invitation.role === "member" ? "" : ` as ${invitation.role === "admin" ? "an admin" : `a ${invitation.role}`}`
        }.`
      }
      foot={
        <>
          Already have an account?{" "}
          <Link href="/sign-in" className="font-medium text-accent-ink underline underline-offset-3">
            Sign in
          </Link>
        </>
      }
    >
      <form className="grid gap-4" onSubmit={form.onSubmit}>
        <Field
          label="Your name"
          name="name"
          autoComplete="name"
          required
          minLength={2}
          maxLength={50}
          autoFocus
          error={form.fields.name}
        />
        <Field
          label="Email"
          name="email"
          type="email"
          autoComplete="email"
          required
          defaultValue={invitation?.email ?? ""}
          error={form.fields.email}
        />
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete="new-password"
          hint="At least 8 characters."
          required
          minLength={8}
          maxLength={128}
          error={form.fields.password}
        />
        <FormError>{form.error}</FormError>
        <Button look="primary" type="submit" busy={form.busy} disabled={code !== undefined && !invitation}>
          Join
        </Button>
      </form>
    </Gate>
  );
}
