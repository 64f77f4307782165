import { type InputHTMLAttributes, type ReactNode, type Ref, type SelectHTMLAttributes, useId } from "react";

const BOX =
  "w-full rounded-md bg-field px-3 text-ink shadow-[inset_0_0_0_1px_var(--line-strong)] placeholder:text-ink-3 focus:outline-2 focus:outline-offset-0 focus:outline-accent aria-invalid:shadow-[inset_0_0_0_1px_var(--danger)]";

interface Common {
  label: string;
  hint?: ReactNode;
  error?: string;
}

function Frame({ id, label, hint, error, children }: Common & { id: string; children: ReactNode }) {
  return (
    <div className="grid content-start gap-1">
      <label htmlFor={id} className="text-sm font-medium">
        {label}
      </label>
      {children}
      {error ? (
        <p id={`${id}-note`} className="text-sm text-danger-ink">
          {error}
        </p>
      ) : (
        hint && (
          <p id={`${id}-note`} className="text-sm text-ink-3">
            {hint}
          </p>
        )
      )}
    </div>
  );
}

export function Field({
  label,
  hint,
  error,
  ...rest
}: Common & InputHTMLAttributes<HTMLInputElement> & { ref?: Ref<HTMLInputElement> }) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <input
        id={id}
        {...rest}
        aria-invalid={error ? true : undefined}
        aria-describedby={error || hint ? `${id}-note` : undefined}
        className={`${BOX} h-9 coarse:h-11 coarse:text-[16px]`}
      />
    </Frame>
  );
}

export function Choice({ label, hint, error, children, ...rest }: Common & SelectHTMLAttributes<HTMLSelectElement>) {
  const id = useId();
  return (
    <Frame id={id} label={label} hint={hint} error={error}>
      <select
        id={id}
        {...rest}
        aria-describedby={error || hint ? `${id}-note` : undefined}
        className={`${BOX} h-9 pr-8 coarse:h-11 coarse:text-[16px]`}
      >
        {children}
      </select>
    </Frame>
  );
}

/** Why a form was refused, said at once to a screen reader. */
export function FormError({ children }: { children: ReactNode }) {
  return (
    <div role="alert" className="empty:hidden">
      {children && <p className="rounded-md bg-danger-soft px-3 py-2 text-sm text-danger-ink">{children}</p>}
    </div>
  );
}
