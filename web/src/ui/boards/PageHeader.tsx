import { ArrowLeft } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { usePhone } from "../lib/hooks";
import { ICON } from "../parts/icon";
import { OVERVIEW } from "./paths";

interface Props {
  title: ReactNode;
  /** Where the arrow leads; without one there is an arrow on phones only, to the boards. */
  back?: { href: string; label: string };
  children?: ReactNode;
}

/** The head of a page about boards: its title, the way back, and what can be done. */
export function PageHeader({ title, back, children }: Props) {
  const phone = usePhone();
  const to = back ?? (phone ? { href: OVERVIEW, label: "Back to boards" } : null);
  return (
    <header className="flex min-h-10 flex-wrap items-center gap-x-3 gap-y-2">
      {to && (
        <Link
          href={to.href}
          aria-label={to.label}
          className="-mr-1 -ml-2 inline-flex size-9 shrink-0 items-center justify-center rounded-md text-ink-2 hover:bg-hover hover:text-ink coarse:size-10"
        >
          <ArrowLeft {...ICON} />
        </Link>
      )}
      <h1 className="min-w-0 grow basis-40 truncate text-2xl tracking-tight">{title}</h1>
      {children}
    </header>
  );
}
