import { useRef } from "react";
import { secretOf, textOf, useForm } from "../lib/form";
import { Avatar } from "../parts/Avatar";
import { Button } from "../parts/Button";
import { Field, FormError } from "../parts/Field";
import { note } from "../state";
import { actions, useStore } from "../store";
import { Part } from "./Settings";

export function Profile() {
  return (
    <>
      <Person />
      <Password />
    </>
  );
}

function Person() {
  const me = useStore((state) => state.me);
  const form = useForm(async (data) => {
    await actions.updateMe({ name: textOf(data, "name"), title: textOf(data, "title") });
    note("Saved.");
  });
  if (!me) return null;
  return (
    <Part title="You">
      <form className="grid gap-4" onSubmit={form.onSubmit}>
        <div className="flex items-center gap-4">
          <Avatar user={me} size="lg" />
          <div className="min-w-0">
            <p className="truncate font-medium">{me.name}</p>
            <p className="truncate text-sm text-ink-3">
              {me.email} · {me.role}
            </p>
          </div>
        </div>
        <div className="grid gap-4 sm:grid-cols-2">
          <Field
            label="Name"
            name="name"
            autoComplete="name"
            required
            minLength={2}
            maxLength={50}
            defaultValue={me.name}
            error={form.fields.name}
          />
          <Field
            label="Title"
            name="title"
            maxLength={80}
            defaultValue={me.title}
            placeholder="Designer"
            autoComplete="organization-title"
            error={form.fields.title}
          />
        </div>
        <FormError>{form.error}</FormError>
        <div>
          <Button look="primary" type="submit" busy={form.busy}>
            Save
          </Button>
        </div>
      </form>
    </Part>
  );
}

function Password() {
  const element = useRef<HTMLFormElement>(null);
  const form = useForm(async (data) => {
    await actions.changePassword(secretOf(data, "current"), secretOf(data, "new"));
    element.current?.reset();
    note("Password changed. Your other sessions have ended.");
  });
  return (
    <Part title="Password" text="Changing it signs you out everywhere else.">
      <form ref={element} className="grid gap-4" onSubmit={form.onSubmit}>
        <div className="grid gap-4 sm:grid-cols-2">
          <Field
            label="Current password"
            name="current"
            type="password"
            autoComplete="current-password"
            required
            error={form.fields.current}
          />
          <Field
            label="New password"
            name="new"
            type="password"
            autoComplete="new-password"
            required
            minLength={8}
            maxLength={128}
            hint="At least 8 characters."
            error={form.fields.new}
          />
        </div>
        <FormError>{form.error}</FormError>
        <div>
          <Button type="submit" busy={form.busy}>
            Change password
          </Button>
        </div>
      </form>
    </Part>
  );
}
