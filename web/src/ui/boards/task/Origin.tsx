import type { Card } from "../../../core/boards/wire";
import { personName } from "../../lib/names";
import { briefTime, fullTime } from "../../lib/time";
import { useBoardPeople } from "../parts/people";

/** Who made the task and when, and when it was last changed. */
export function Origin({ card }: { card: Card }) {
  const [maker] = useBoardPeople(card.board, [card.created_by]);
  return (
    <p className="px-4 pt-6 pb-6 text-xs text-ink-3 md:px-6">
      Made by {personName(maker)}{" "}
      <time dateTime={card.created_at} title={fullTime(card.created_at)}>
        {briefTime(card.created_at)}
      </time>
      {card.changed_at !== card.created_at && (
        <>
          , changed{" "}
          <time dateTime={card.changed_at} title={fullTime(card.changed_at)}>
            {briefTime(card.changed_at)}
          </time>
        </>
      )}
    </p>
  );
}
