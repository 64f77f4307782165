import { useLocation } from "wouter";
import { textOf, useForm } from "../lib/form";
import { Button } from "../parts/Button";
import { Field, FormError } from "../parts/Field";
import { actions } from "../store";
import { Gate } from "./Gate";
import { Gone, useInvitation } from "./invitation";

/** A guest gives a name, nothing else. */
export default function GuestEntry({ code }: { code: string }) {
  const found = useInvitation(code);
  const [, navigate] = useLocation();
  const form = useForm(async (data) => {
    await actions.joinAsGuest({ invite: code, name: textOf(data, "name") });
    const room = found && "invitation" in found ? found.invitation.room : null;
    navigate(room ? `/r/${room}` : "/", { replace: true });
  });
  if (found && "error" in found) return <Gone error={found.error} />;
  const invitation = found?.invitation;
  return (
    <Gate
      title={invitation?.room_name ? `Join ${invitation.room_name}` : "Opening your invitation"}
      text={invitation && `${invitation.inviter} of ${invitation.workspace} invited you. No account needed.`}
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
          hint="The others see it beside your messages."
          error={form.fields.name}
        />
        <FormError>{form.error}</FormError>
        <Button look="primary" type="submit" busy={form.busy} disabled={!invitation}>
          Join the conversation
        </Button>
      </form>
    </Gate>
  );
}
