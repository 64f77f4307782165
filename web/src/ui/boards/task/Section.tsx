import { type ReactNode, useId } from "react";

/** A part of the panel under its own heading. */
export function Section({ title, action, children }: { title: string; action?: ReactNode; children: ReactNode }) {
  const id = useId();
  return (
    <section aria-labelledby={id} className="px-4 pt-6 md:px-6">
      <header className="flex h-8 items-center justify-between gap-2 coarse:h-9">
        <h3 id={id} className="text-sm font-semibold">
          {title}
        </h3>
        {action}
      </header>
      {children}
    </section>
  );
}
