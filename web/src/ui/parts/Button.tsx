import type { ButtonHTMLAttributes, Ref } from "react";

type Look = "primary" | "plain" | "quiet" | "danger";

const LOOKS: Record<Look, string> = {
  primary: "bg-accent text-on-accent hover:bg-accent-strong",
  plain: "bg-field text-ink shadow-[inset_0_0_0_1px_var(--line-strong)] hover:bg-hover",
  quiet: "text-ink-2 hover:bg-hover hover:text-ink",
  danger: "bg-danger text-white hover:brightness-110",
};

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  small?: boolean;
  busy?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

export function Button({ look = "plain", small = false, busy = false, className = "", children, ...rest }: Props) {
  return (
    <button
      type="button"
      {...rest}
      disabled={rest.disabled || busy}
      aria-busy={busy || undefined}
      className={`inline-flex shrink-0 items-center justify-center gap-2 rounded-md font-medium whitespace-nowrap transition-colors disabled:opacity-55 ${
        small ? "h-7 px-2.5 text-sm coarse:h-9" : "h-9 px-4 text-sm coarse:h-10"
      } ${LOOKS[look]} ${className}`}
    >
      {children}
    </button>
  );
}
