import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

/** Says in one sentence what to do next, with one button. */
export function Empty({
  icon: Icon,
  title,
  text,
  children,
}: {
  icon: LucideIcon;
  title: string;
  text: string;
  children?: ReactNode;
}) {
  return (
    <div className="mx-auto flex max-w-sm flex-col items-center px-6 py-10 text-center">
      <span className="mb-4 inline-flex size-12 items-center justify-center rounded-2xl bg-accent-soft text-accent-ink">
        <Icon size={24} strokeWidth={1.5} aria-hidden="true" />
      </span>
      <h2 className="text-lg">{title}</h2>
      <p className="mt-1 mb-4 text-ink-2">{text}</p>
      {children}
    </div>
  );
}
