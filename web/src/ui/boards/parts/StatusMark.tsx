import type { Status } from "../../../core/boards/wire";

/** In the order they are offered. */
export const STATUSES: readonly Status[] = ["open", "doing", "done"];

export const STATUS_NAMES: Record<Status, string> = { open: "Open", doing: "Doing", done: "Done" };

const TONES: Record<Status, string> = { open: "text-ink-3", doing: "text-caution", done: "text-accent" };

/** A ring that fills as the work goes on. Decoration only: the status or the list's name stands beside it. */
export function StatusMark({ status }: { status: Status | null }) {
  return (
    <svg viewBox="0 0 16 16" className={`size-4 shrink-0 ${status ? TONES[status] : "text-ink-3"}`} aria-hidden="true">
      {status === "done" ? (
        <>
          <circle cx="8" cy="8" r="7" fill="currentColor" />
          <path
            d="m5 8.2 2.1 2.1L11 6.2"
            fill="none"
            stroke="var(--on-accent)"
            strokeWidth="1.6"
            strokeLinecap="round"
          />
        </>
      ) : (
        <circle
          cx="8"
          cy="8"
          r="6"
          fill="none"
          stroke="currentColor"
          strokeWidth="1.6"
          strokeDasharray={status ? undefined : "2.1 2.6"}
        />
      )}
      {status === "doing" && <path d="M8 4.6a3.4 3.4 0 0 1 0 6.8Z" fill="currentColor" />}
    </svg>
  );
}
