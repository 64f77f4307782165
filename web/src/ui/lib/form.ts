import { type FormEvent, useState } from "react";
import { ApiError } from "../../core/problem";
import { messageOf } from "../state";

/** A form's life: busy while it is sent, then done or refused with a sentence and, if known, the fields at fault. */
export function useForm(send: (data: FormData) => Promise<void>) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const fields = error instanceof ApiError ? error.fields : {};
  return {
    busy,
    fields,
    error: error === null || Object.keys(fields).length > 0 ? null : messageOf(error),
    async onSubmit(event: FormEvent<HTMLFormElement>) {
      event.preventDefault();
      if (busy) return;
      setBusy(true);
      setError(null);
      try {
        await send(new FormData(event.currentTarget));
      } catch (failure) {
        setError(failure);
      } finally {
        setBusy(false);
      }
    },
  };
}

/** A text field's value, without the spaces around it. */
export function textOf(data: FormData, name: string): string {
  const value = data.get(name);
  return typeof value === "string" ? value.trim() : "";
}

/** A password as typed. */
export function secretOf(data: FormData, name: string): string {
  const value = data.get(name);
  return typeof value === "string" ? value : "";
}
