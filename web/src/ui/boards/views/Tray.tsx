import { CalendarPlus } from "lucide-react";
import type { Card } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { attempt } from "../../state";
import { DuePicker } from "../parts/DuePicker";
import { boardActions } from "../store";
import { ChipList } from "./ChipList";
import { OnDemand } from "./OnDemand";

interface Props {
  cards: Card[];
  editable: boolean;
  over: boolean;
  lifted: Id | null;
}

/** What has no date yet: to be dragged onto a day, or given one by its button. Dragging into it takes the date away. */
export function Tray({ cards, editable, over, lifted }: Props) {
  return (
    <aside
      aria-label="Tasks without a date"
      data-day="none"
      className={`flex w-64 shrink-0 flex-col border-l border-line transition-colors ${over ? "bg-accent-soft" : "bg-sunken"}`}
    >
      <h3 className="flex h-9 shrink-0 items-center gap-2 border-b border-line px-3 text-sm">
        No date
        <span className="text-xs font-normal text-ink-3 tabular-nums">{cards.length.toLocaleString()}</span>
      </h3>
      {cards.length > 0 ? (
        <ChipList
          cards={cards}
          className="min-h-0 grow px-1 py-1.5"
          editable={editable}
          lifted={lifted}
          aside={editable ? (card) => <SetDate card={card} /> : undefined}
        />
      ) : (
        <p className="px-3 py-3 text-sm text-ink-3">
          {editable ? "Every task has a date. Drag one here to take its date away." : "Every task has a date."}
        </p>
      )}
    </aside>
  );
}

/** Gives a task its date without dragging. */
export function SetDate({ card, className = "size-6" }: { card: Card; className?: string }) {
  return (
    <OnDemand
      kind="dialog"
      aria-label={`Date of ${card.title}`}
      className={`inline-flex shrink-0 items-center justify-center rounded text-ink-3 hover:bg-hover hover:text-ink ${className}`}
      picker={(picker) => (
        <DuePicker
          {...picker}
          due={card}
          onChange={(change) => void attempt(() => boardActions.changeTask(card.board, card.id, change))}
        />
      )}
    >
      <CalendarPlus size={16} strokeWidth={1.75} aria-hidden="true" />
    </OnDemand>
  );
}
