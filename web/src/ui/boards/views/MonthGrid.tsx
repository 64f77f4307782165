/* biome-ignore-all lint/a11y/useSemanticElements: a table's rows do not share the height there is, so it is one by its roles */
/* biome-ignore-all lint/a11y/useFocusableInteractive: what is in rows and cells can be focused */
import { type KeyboardEvent, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Card } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { dueDay } from "../parts/due";
import type { Placed } from "./calendar";
import { DayCell } from "./DayCell";
import { firstOfMonth, monthGrid, monthOf } from "./days";
import { monthInFull, moveToDay, weekdayName } from "./move-day";
import { Tray } from "./Tray";
import { useDayDrag } from "./use-day-drag";

interface Props {
  placed: Placed;
  tasks: Record<Id, Card>;
  month: number;
  /** The weekday with which weeks begin. */
  first: number;
  today: number;
  /** What has no date is shown. */
  tray: boolean;
  editable: boolean;
  onMonth: (month: number) => void;
}

const STEPS: Record<string, number> = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 };
const NONE: Card[] = [];

/** A month of days, with what has no date beside it. A task is dragged to another day, or moved there by Shift and an arrow. */
export function MonthGrid({ placed, tasks, month, first, today, tray, editable, onMonth }: Props) {
  const weeks = monthGrid(month, first);
  const body = useRef<HTMLDivElement>(null);
  const fit = useFit(body, weeks.length);
  const focus = useRef<Id | null>(null);
  const { task, over, ghost, onPointerDown } = useDayDrag((id, day) => {
    const card = tasks[id];
    if (card) moveToDay(card, day === "none" ? null : Number(day));
  });
  const lifted = task ? tasks[task] : undefined;

  // A task that keys moved is another element now.
  useEffect(() => {
    if (!focus.current) return;
    const moved = body.current?.querySelector<HTMLElement>(`[data-task="${focus.current}"]`);
    focus.current = null;
    moved?.focus();
  });

  const onKeyDown = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    const chip = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-task]") : null;
    const card = chip && tasks[chip.dataset.task ?? ""];
    if (!step || !card || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const day = dueDay(card);
    if (!event.shiftKey) {
      walk(body.current, chip, step);
      return;
    }
    if (!editable) return;
    const to = day === null ? today : day + step;
    focus.current = card.id;
    moveToDay(card, to);
    const grid = weeks.flat();
    if (to < (grid[0] ?? to) || to > (grid.at(-1) ?? to)) onMonth(monthOf(to));
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: for the tasks in it
    <div
      className="flex min-h-0 min-w-0 grow"
      onPointerDown={editable ? onPointerDown : undefined}
      onKeyDown={onKeyDown}
    >
      <div role="table" aria-label={monthInFull(firstOfMonth(month))} className="flex min-h-0 min-w-0 grow flex-col">
        <div role="rowgroup" className="shrink-0">
          <div role="row" className="grid h-9 grid-cols-7 border-b border-line">
            {weeks[0]?.map((day) => (
              <div key={day} role="columnheader" className="flex items-center justify-end px-2.5 text-xs text-ink-3">
                {weekdayName(day)}
              </div>
            ))}
          </div>
        </div>
        <div ref={body} role="rowgroup" className="flex min-h-0 grow flex-col overflow-y-auto">
          {weeks.map((week) => (
            <div
              key={week[0]}
              role="row"
              className="grid min-h-20 grow basis-0 grid-cols-[repeat(7,minmax(0,1fr))] border-b border-line last:border-b-0"
            >
              {week.map((day) => (
                <DayCell
                  key={day}
                  day={day}
                  cards={placed.days.get(day) ?? NONE}
                  fit={fit}
                  own={monthOf(day) === month}
                  today={day === today}
                  over={over === String(day)}
                  lifted={lifted && dueDay(lifted) === day ? lifted.id : null}
                  editable={editable}
                />
              ))}
            </div>
          ))}
        </div>
      </div>
      {tray && <Tray cards={placed.loose} editable={editable} over={over === "none"} lifted={lifted?.id ?? null} />}
      {lifted && (
        <div
          ref={ghost}
          aria-hidden="true"
          className="float-surface pointer-events-none fixed top-0 left-0 z-50 max-w-56 truncate rounded-md px-2.5 py-1 text-xs font-medium"
        >
          {lifted.title}
        </div>
      )}
    </div>
  );
}

const HEAD_PX = 34;
const CHIP_PX = 24;
const LEAST_PX = 80;

/** How many tasks fit into a day, as high as the days are now. */
function useFit(body: React.RefObject<HTMLDivElement | null>, weeks: number): number {
  const [height, setHeight] = useState(600);
  useLayoutEffect(() => {
    const element = body.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, [body]);
  return Math.max(1, Math.floor((Math.max(LEAST_PX, height / weeks) - HEAD_PX) / CHIP_PX));
}

/** Up and down go through the tasks of a day, left and right to the next day that has some. */
function walk(body: HTMLElement | null, chip: HTMLElement, step: number): void {
  if (Math.abs(step) > 1) {
    const all = [...(chip.closest("[data-day]")?.querySelectorAll<HTMLElement>("[data-task]") ?? [])];
    all[all.indexOf(chip) + Math.sign(step)]?.focus();
    return;
  }
  const days = [...(body?.querySelectorAll<HTMLElement>("[data-day]:has([data-task])") ?? [])];
  const at = days.findIndex((day) => day.contains(chip));
  days[at + step]?.querySelector<HTMLElement>("[data-task]")?.focus();
}
