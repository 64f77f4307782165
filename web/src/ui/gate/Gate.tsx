import type { ReactNode } from "react";
import { Mark } from "../parts/Mark";

/** The page around every form one meets before one is in. */
export function Gate({
  title,
  text,
  children,
  foot,
}: {
  title: string;
  text?: ReactNode;
  children: ReactNode;
  foot?: ReactNode;
}) {
  return (
    <main className="flex h-full flex-col overflow-y-auto bg-sunken px-4 py-8">
      <div className="m-auto w-full max-w-[26rem]">
        <Mark className="mb-6 size-10" />
        <h1 className="text-2xl tracking-tight">{title}</h1>
        {text && <p className="mt-2 text-ink-2">{text}</p>}
        <div className="mt-6">{children}</div>
        {foot && <p className="mt-6 text-sm text-ink-2">{foot}</p>}
      </div>
    </main>
  );
}
