import { ChevronLeft, ChevronRight } from "lucide-react";
import { useMemo, useState } from "react";
import { useRoute, useSearchParams } from "wouter";
import type { Id } from "../../../core/wire";
import { useMedia, useNow, usePhone } from "../../lib/hooks";
import { dayNumber } from "../../lib/time";
import { Button } from "../../parts/Button";
import { IconButton } from "../../parts/IconButton";
import { useMatch } from "../filters/use-filters";
import { useBoards } from "../store";
import { Agenda } from "./Agenda";
import { placeByDay } from "./calendar";
import { firstOfMonth, firstWeekday, monthOf, monthText, readMonth } from "./days";
import { MonthGrid } from "./MonthGrid";
import { monthInFull } from "./move-day";

const MINUTE_MS = 60_000;
const FIRST = firstWeekday(navigator.language);

/** The board's tasks on the days they are due: a month, or day by day on a phone. */
export default function CalendarView({ board }: { board: Id }) {
  const data = useBoards((state) => state.boards[board]?.data);
  const partial = useBoards((state) => state.boards[board]?.partial ?? false);
  const fits = useMatch(board);
  const phone = usePhone();
  const [besideTask] = useRoute("/boards/:board/t/:task");
  const roomy = useMedia("(min-width: 1280px)") && !besideTask;
  const [tray, setTray] = useState<boolean | null>(null);
  const today = dayNumber(useNow(MINUTE_MS, true));
  const [params, setParams] = useSearchParams();
  const present = monthOf(today);
  const month = readMonth(params.get("month")) ?? present;
  const placed = useMemo(() => (data ? placeByDay(data, fits) : null), [data, fits]);
  const show = (wanted: number) =>
    setParams(
      (old) => {
        if (wanted === present) old.delete("month");
        else old.set("month", monthText(wanted));
        return old;
      },
      { replace: true },
    );
  if (!data || !placed) return null;
  const editable = (data.right === "edit" || data.right === "manage") && !data.board.archived;
  return (
    <section className="flex min-h-0 min-w-0 grow flex-col" aria-label="Calendar" data-testid="calendar-view">
      <div className="flex h-11 shrink-0 items-center gap-1 border-b border-line pr-2 pl-4 md:pl-6 coarse:h-13">
        <h2 className="mr-2 min-w-36 text-base" aria-live="polite">
          {monthInFull(firstOfMonth(month))}
        </h2>
        <IconButton small icon={ChevronLeft} label="Month before" onClick={() => show(month - 1)} />
        <IconButton small icon={ChevronRight} label="Next month" onClick={() => show(month + 1)} />
        <Button small look="quiet" disabled={month === present} onClick={() => show(present)}>
          Today
        </Button>
        <span className="grow" />
        {!phone && editable && !besideTask && (
          <span className="truncate text-xs text-ink-3 max-xl:hidden">
            Drag a task to another day, or press Shift and an arrow on it
          </span>
        )}
        {!phone && (
          <Button
            small
            look="quiet"
            aria-pressed={tray ?? roomy}
            className="ml-2 aria-pressed:bg-hover"
            onClick={() => setTray(!(tray ?? roomy))}
          >
            No date
            <span className="text-xs font-normal text-ink-3 tabular-nums">{placed.loose.length.toLocaleString()}</span>
          </Button>
        )}
      </div>
      {phone ? (
        <Agenda placed={placed} month={month} today={today} partial={partial} editable={editable} />
      ) : (
        <MonthGrid
          placed={placed}
          tasks={data.tasks}
          month={month}
          first={FIRST}
          today={today}
          tray={tray ?? roomy}
          editable={editable}
          onMonth={show}
        />
      )}
    </section>
  );
}
