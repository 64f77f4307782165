import type { CSSProperties } from "react";
import type { User } from "../../core/wire";
import { hueOf, initials } from "../lib/names";

type Size = "xs" | "sm" | "md" | "lg";

const SIZES: Record<Size, string> = {
  xs: "size-5 rounded-[5px] text-[9px]",
  sm: "size-6 rounded-md text-[10px]",
  md: "size-9 rounded-lg text-sm",
  lg: "size-16 rounded-2xl text-xl",
};

interface Props {
  user: User | undefined;
  size?: Size;
  /** With a dot: present or away. Without, no dot. */
  online?: boolean;
  /** The colour behind, which the dot cuts out. */
  on?: string;
}

/** Initials on the person's own hue. Decoration only: the name stands beside it, so the letters are no text of the page. */
export function Avatar({ user, size = "md", online, on = "var(--canvas)" }: Props) {
  const hue = hueOf(user?.id ?? "");
  const style = {
    color: `light-dark(oklch(0.4 0.09 ${hue}), oklch(0.88 0.07 ${hue}))`,
    background: `light-dark(oklch(0.91 0.045 ${hue}), oklch(0.36 0.06 ${hue}))`,
  } satisfies CSSProperties;
  return (
    <span className="relative inline-flex shrink-0" aria-hidden="true">
      <span
        className={`inline-flex items-center justify-center font-semibold tracking-tight before:content-[attr(data-initials)] ${SIZES[size]} ${
          user?.active === false ? "opacity-50 grayscale" : ""
        }`}
        style={style}
        data-initials={initials(user?.name ?? "?")}
      />
      {online !== undefined && <Presence online={online} on={on} large={size === "md" || size === "lg"} />}
    </span>
  );
}

function Presence({ online, on, large }: { online: boolean; on: string; large: boolean }) {
  return (
    <span
      className={`absolute -right-0.5 -bottom-0.5 rounded-full border-2 ${large ? "size-3" : "size-2.5"} ${
        online ? "bg-present" : "bg-line-strong"
      }`}
      style={{ borderColor: on }}
    />
  );
}
