import type { Priority } from "../../../core/boards/wire";

/** In the order they are offered. */
export const PRIORITIES: readonly Priority[] = ["high", "medium", "low"];

export const PRIORITY_NAMES: Record<Priority, string> = { high: "High", medium: "Medium", low: "Low" };

const LEVELS: Record<Priority, number> = { low: 1, medium: 2, high: 3 };
const BARS = [
  { x: 1.5, y: 9, height: 4 },
  { x: 6, y: 6, height: 7 },
  { x: 10.5, y: 3, height: 10 },
];

/** Three bars, as many filled as it is urgent. Named for screen readers unless the name stands beside it. */
export function PriorityMark({ priority, named = false }: { priority: Priority | null; named?: boolean }) {
  const level = priority ? LEVELS[priority] : 0;
  const name = priority ? `${PRIORITY_NAMES[priority]} priority` : "No priority";
  return (
    <span className="inline-flex shrink-0" title={named ? undefined : name}>
      <svg
        viewBox="0 0 15 15"
        className={`size-[15px] ${priority === "high" ? "text-caution" : "text-ink-2"}`}
        aria-hidden="true"
      >
        {BARS.map(({ x, y, height }, index) => (
          <rect
            key={x}
            x={x}
            y={y}
            width="3"
            height={height}
            rx="1"
            fill="currentColor"
            opacity={index < level ? 1 : 0.25}
          />
        ))}
      </svg>
      {!named && <span className="sr-only">{name}</span>}
    </span>
  );
}
