import type { LucideIcon } from "lucide-react";
import type { ReactNode } from "react";

/** Says in one sentence what to do next, with one button. */
export function Empty({
  icon: Icon,
  title,
  text,
  page = false,
  children,
}: {
  icon: LucideIcon;
  title: string;
  text: string;
  /** It is all there is on the page. */
  page?: boolean;
  children?: ReactNode;
}) {
  const Heading = page ? "h1" : "h2";
  return (
    <div className="mx-auto flex max-w-sm flex-col items-center px-6 py-10 text-center">
      <span className="mb-4 inline-flex size-12 items-center justify-center rounded-2xl bg-accent-soft text-accent-ink">
        <Icon size={24} strokeWidth={1.5} aria-hidden="true" />
      </span>
      <Heading className="text-lg">{title}</Heading>
      <p className="mt-1 mb-4 text-ink-2">{text}</p>
      {children}
    </div>
  );
}
