import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef } from "react";
import { Link, useSearch } from "wouter";
import type { Card } from "../../../core/boards/wire";
import { clockTime } from "../../lib/time";
import { dayWords, useDue } from "../parts/due";
import { PeopleStack } from "../parts/PeopleStack";
import { PriorityMark } from "../parts/PriorityMark";
import { StatusMark } from "../parts/StatusMark";
import { taskPath } from "../paths";
import { type AgendaRow, agendaRows, type Placed } from "./calendar";
import { firstOfMonth } from "./days";
import { dayInFull } from "./move-day";
import { useStatus } from "./TaskChip";
import { SetDate } from "./Tray";

interface Props {
  placed: Placed;
  month: number;
  today: number;
  /** Not all tasks are here yet. */
  partial: boolean;
  editable: boolean;
}

const HEIGHTS: Record<AgendaRow["kind"], number> = { day: 44, loose: 56, task: 52 };

/** A month's tasks day by day: the calendar of a phone. */
export function Agenda({ placed, month, today, partial, editable }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const rows = useMemo(
    () => agendaRows(placed, firstOfMonth(month), firstOfMonth(month + 1), today),
    [placed, month, today],
  );
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: (index) => HEIGHTS[rows[index]?.kind ?? "task"],
    getItemKey: (index) => keyOf(rows[index]),
    overscan: 8,
  });
  // What comes later may stand in front of what was scrolled to.
  const shown = useRef("");
  useEffect(() => {
    const state = `${month} ${partial}`;
    if (shown.current === state) return;
    shown.current = state;
    const at = rows.findIndex((row) => row.kind === "day" && row.day >= today);
    virtualizer.scrollToIndex(Math.max(0, at), { align: "start" });
  }, [rows, month, today, partial, virtualizer]);
  if (rows.length === 0) return <p className="px-4 py-6 text-ink-3">Nothing is due this month.</p>;
  return (
    <div ref={frame} className="min-h-0 grow overflow-y-auto pb-4" data-testid="agenda">
      <div className="relative" style={{ height: virtualizer.getTotalSize() }}>
        {virtualizer.getVirtualItems().map(({ index, key, start, size }) => {
          const row = rows[index];
          return (
            <div
              key={key}
              className="absolute inset-x-0 top-0"
              style={{ height: size, transform: `translateY(${start}px)` }}
            >
              {row?.kind === "task" ? (
                <AgendaTask card={row.card} editable={editable} />
              ) : row?.kind === "day" ? (
                <h3 className="flex h-full items-end gap-2 border-b border-line bg-canvas px-4 pb-1.5 text-sm">
                  <span className={row.day === today ? "text-accent-ink" : undefined}>{dayInFull(row.day)}</span>
                  {Math.abs(row.day - today) <= 1 && (
                    <span className="font-normal text-ink-3">
                      {dayWords(row.day)}
                      {row.day === today && !placed.days.has(today) && ", nothing is due"}
                    </span>
                  )}
                </h3>
              ) : (
                row && (
                  <h3 className="flex h-full items-end gap-2 border-b border-line px-4 pb-1.5 text-sm">
                    No date <span className="font-normal text-ink-3 tabular-nums">{row.count.toLocaleString()}</span>
                  </h3>
                )
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

function keyOf(row: AgendaRow | undefined): string {
  if (!row) return "";
  return row.kind === "task" ? row.card.id : row.kind === "day" ? `day ${row.day}` : row.kind;
}

function AgendaTask({ card, editable }: { card: Card; editable: boolean }) {
  const search = useSearch();
  const status = useStatus(card);
  const done = status === "done";
  const late = useDue(card)?.state === "overdue" && !done;
  return (
    <div className="relative flex h-full items-center gap-3 border-b border-line pr-1 pl-4" data-task={card.id}>
      <StatusMark status={status} />
      <Link
        href={taskPath(card.board, card.id, search)}
        className={`min-w-0 grow truncate after:absolute after:inset-0 ${done ? "text-ink-3 line-through" : ""}`}
      >
        {card.title}
      </Link>
      {card.priority && <PriorityMark priority={card.priority} />}
      {card.due_has_time && card.due_at && (
        <span className={`text-xs tabular-nums ${late ? "font-semibold text-danger-ink" : "text-ink-2"}`}>
          {clockTime(card.due_at)}
        </span>
      )}
      <PeopleStack board={card.board} ids={card.assignees} most={2} />
      {editable ? (
        <span className="relative z-1">
          <SetDate card={card} className="size-10" />
        </span>
      ) : (
        <span className="w-3" />
      )}
    </div>
  );
}
