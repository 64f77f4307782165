import type { Id } from "../../../core/wire";
import { hueOf } from "../../lib/names";

const COLUMNS = [
  { x: 4, height: 10 },
  { x: 8.5, height: 6 },
  { x: 13, height: 8 },
];

/** The sign of a board: three lists on the board's own hue. Decoration only: its name stands beside it. */
export function BoardMark({ board, className = "size-5" }: { board: Id; className?: string }) {
  const hue = hueOf(board);
  return (
    <svg viewBox="0 0 20 20" className={`shrink-0 ${className}`} aria-hidden="true">
      <rect width="20" height="20" rx="5" fill={`light-dark(oklch(0.91 0.045 ${hue}), oklch(0.36 0.06 ${hue}))`} />
      {COLUMNS.map(({ x, height }) => (
        <rect
          key={x}
          x={x}
          y="5"
          width="3"
          height={height}
          rx="1"
          fill={`light-dark(oklch(0.5 0.09 ${hue}), oklch(0.82 0.07 ${hue}))`}
        />
      ))}
    </svg>
  );
}
