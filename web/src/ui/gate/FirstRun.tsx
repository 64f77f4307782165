import { secretOf, textOf, useForm } from "../lib/form";
import { Button } from "../parts/Button";
import { Field, FormError } from "../parts/Field";
import { actions } from "../store";
import { Gate } from "./Gate";

/** Nobody is here yet: one form makes the workspace and its owner. */
export default function FirstRun() {
  const form = useForm((data) =>
    actions.signUp({
      workspace: textOf(data, "workspace"),
      name: textOf(data, "name"),
      email: textOf(data, "email"),
      password: secretOf(data, "password"),
    }),
  );
  return (
    <Gate title="Create your workspace" text="You will own it. Invite colleagues and clients once you are in.">
      <form className="grid gap-4" onSubmit={form.onSubmit}>
        <Field
          label="Workspace name"
          name="workspace"
          placeholder="Northwind Studio"
          required
          minLength={2}
          maxLength={50}
          autoFocus
          error={form.fields.workspace}
        />
        <Field
          label="Your name"
          name="name"
          autoComplete="name"
          required
          minLength={2}
          maxLength={50}
          error={form.fields.name}
        />
        <Field label="Email" name="email" type="email" autoComplete="email" required error={form.fields.email} />
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
        <Button look="primary" type="submit" busy={form.busy}>
          Create workspace
        </Button>
      </form>
    </Gate>
  );
}
