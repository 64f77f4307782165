import type { ReactNode } from "react";
import { Link, Redirect } from "wouter";
import { useStore } from "../store";
import { Appearance } from "./Appearance";
import { Profile } from "./Profile";
import { Sessions } from "./Sessions";

const SECTIONS: Record<string, { name: string; page: () => ReactNode; guests: boolean }> = {
  profile: { name: "Profile", page: Profile, guests: false },
  sessions: { name: "Sessions", page: Sessions, guests: false },
  appearance: { name: "Appearance", page: Appearance, guests: true },
};

/** One's own settings. */
export default function Settings({ section }: { section: string }) {
  const guest = useStore((state) => state.me?.role === "guest");
  const shown = Object.entries(SECTIONS).filter(([, one]) => one.guests || !guest);
  const current = shown.find(([key]) => key === section)?.[1];
  if (!current) return <Redirect to="/settings/appearance" replace />;
  const Page = current.page;
  return (
    <main className="min-h-0 min-w-0 grow overflow-y-auto">
      <div className="mx-auto max-w-2xl px-4 py-6 md:px-8 md:py-8">
        <h1 className="text-2xl tracking-tight">Settings</h1>
        <nav aria-label="Settings" className="mt-4 flex gap-6 border-b border-line">
          {shown.map(([key, { name }]) => (
            <Link
              key={key}
              href={`/settings/${key}`}
              replace
              aria-current={key === section ? "page" : undefined}
              className="-mb-px flex h-10 items-center border-b-2 border-transparent text-sm font-medium text-ink-2 hover:text-ink aria-[current]:border-accent aria-[current]:text-ink coarse:h-12"
            >
              {name}
            </Link>
          ))}
        </nav>
        <Page />
      </div>
    </main>
  );
}

/** A titled part of a settings page. */
export function Part({ title, text, children }: { title: string; text?: string; children: ReactNode }) {
  return (
    <section className="border-b border-line py-6 last:border-0">
      <h2 className="text-lg">{title}</h2>
      {text && <p className="mt-0.5 text-sm text-ink-2">{text}</p>}
      <div className="mt-4">{children}</div>
    </section>
  );
}
