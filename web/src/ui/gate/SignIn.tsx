import { useState } from "react";
import { Link } from "wouter";
import { ApiError } from "../../core/problem";
import { secretOf, textOf, useForm } from "../lib/form";
import { Button } from "../parts/Button";
import { Field, FormError } from "../parts/Field";
import { actions, useStore } from "../store";
import { Gate } from "./Gate";

export default function SignIn() {
  const setup = useStore((state) => state.setup);
  const [needsCode, setNeedsCode] = useState(false);
  const form = useForm(async (data) => {
    const totp = textOf(data, "totp");
    try {
      await actions.signIn({
        email: textOf(data, "email"),
        password: secretOf(data, "password"),
        ...(totp && { totp }),
      });
    } catch (error) {
      if (error instanceof ApiError && error.problem?.type?.includes("totp")) setNeedsCode(true);
      throw error;
    }
  });
  const workspace = setup?.workspace;
  return (
    <Gate
      title={workspace ? `Sign in to ${workspace}` : "Sign in"}
      foot={
        setup?.signup_open ? (
          <>
            New here?{" "}
            <Link href="/sign-up" className="font-medium text-accent-ink underline underline-offset-3">
              Create an account
            </Link>
          </>
        ) : (
          "New here? Ask a colleague for an invitation link."
        )
      }
    >
      <form className="grid gap-4" onSubmit={form.onSubmit}>
        <Field
          label="Email"
          name="email"
          type="email"
          autoComplete="username"
          required
          autoFocus
          error={form.fields.email}
        />
        <Field
          label="Password"
          name="password"
          type="password"
          autoComplete="current-password"
          required
          error={form.fields.password}
        />
        {needsCode && (
          <Field
            label="Code from your authenticator"
            name="totp"
            inputMode="numeric"
            autoComplete="one-time-code"
            required
            error={form.fields.totp}
          />
        )}
        <FormError>{form.error}</FormError>
        <Button look="primary" type="submit" busy={form.busy}>
          Sign in
        </Button>
      </form>
    </Gate>
  );
}
