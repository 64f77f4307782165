import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useRef } from "react";
import type { Card } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { TaskChip } from "./TaskChip";

interface Props {
  cards: Card[];
  className?: string;
  /** As high as its tasks, up to so many of them; otherwise as high as there is room. */
  most?: number;
  editable?: boolean;
  lifted?: Id | null;
  /** Beside each task. */
  aside?: (card: Card) => ReactNode;
}

const LINE_PX = 28;

/** Tasks as chips, one a line; only those in sight exist. */
export function ChipList({ cards, className = "", most, editable = false, lifted = null, aside }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: cards.length,
    getScrollElement: () => frame.current,
    estimateSize: () => LINE_PX,
    getItemKey: (index) => cards[index]?.id ?? index,
    overscan: 8,
  });
  return (
    <div
      ref={frame}
      className={`overflow-y-auto ${className}`}
      style={most === undefined ? undefined : { height: Math.min(cards.length, most) * LINE_PX }}
    >
      <div className="relative" style={{ height: virtualizer.getTotalSize() }}>
        {virtualizer.getVirtualItems().map(({ index, key, start }) => {
          const card = cards[index];
          if (!card) return null;
          return (
            <div
              key={key}
              className="group absolute inset-x-0 top-0 flex items-center gap-1 px-1"
              style={{ height: LINE_PX, transform: `translateY(${start}px)` }}
            >
              <div className="min-w-0 grow">
                <TaskChip card={card} editable={editable} lifted={lifted === card.id} />
              </div>
              {aside?.(card)}
            </div>
          );
        })}
      </div>
    </div>
  );
}
