import type { ReactNode } from "react";
import type { WorkerState } from "../../core/operations";
import { type Mood, moodOfState } from "./model";

const DOTS: Record<Mood | "idle", string> = {
  good: "bg-present",
  uneasy: "bg-caution",
  bad: "bg-danger",
  idle: "bg-line-strong",
};

export function Dot({ mood }: { mood: Mood | "idle" }) {
  return <span aria-hidden="true" className={`inline-block size-2 shrink-0 rounded-full ${DOTS[mood]}`} />;
}

const WORDS: Record<Mood | "idle", string> = {
  good: "text-ink-2",
  uneasy: "text-caution-ink",
  bad: "text-danger-ink",
  idle: "text-ink-3",
};

export function State({ state }: { state: WorkerState }) {
  const mood = moodOfState(state);
  return (
    <span className={`flex items-center gap-2 whitespace-nowrap ${WORDS[mood]}`}>
      <Dot mood={mood} />
      {state}
    </span>
  );
}

/** A titled part of the page. */
export function Section({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  return (
    <section className="mt-8 min-w-0" aria-label={title}>
      <div className="mb-2 flex min-h-7 flex-wrap items-center gap-x-3 gap-y-1">
        <h2 className="text-base">{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}

export function Nothing({ children }: { children: ReactNode }) {
  return <p className="border-y border-line py-4 text-sm text-ink-3">{children}</p>;
}

/** One of few, side by side. */
export function Choice<T extends string>({
  label,
  value,
  options,
  onChoose,
}: {
  label: string;
  value: T;
  options: [T, string][];
  onChoose: (value: T) => void;
}) {
  return (
    <fieldset className="inline-flex rounded-md bg-hover p-0.5" aria-label={label}>
      {options.map(([key, text]) => (
        <button
          key={key}
          type="button"
          aria-pressed={key === value}
          onClick={() => onChoose(key)}
          className="h-7 rounded-[5px] px-2.5 text-xs font-medium whitespace-nowrap text-ink-2 hover:text-ink aria-pressed:bg-[var(--chosen)] aria-pressed:text-ink aria-pressed:shadow-[0_1px_2px_rgb(0_0_0/12%)] coarse:h-9"
        >
          {text}
        </button>
      ))}
    </fieldset>
  );
}
