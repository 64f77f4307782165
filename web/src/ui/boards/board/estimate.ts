import type { Card } from "../../../core/boards/wire";

const LINE_CHARACTERS = 34;
const LINE_PX = 20;
const FRAME_PX = 22;
const LABELS_PX = 26;
const FACTS_PX = 28;

/** About how high a card will be, before it is drawn. */
export function estimateCard(card: Card | undefined): number {
  if (!card) return FRAME_PX + LINE_PX;
  const lines = 1 + Math.trunc(card.title.length / LINE_CHARACTERS);
  return FRAME_PX + lines * LINE_PX + (card.labels.length > 0 ? LABELS_PX : 0) + (hasFacts(card) ? FACTS_PX : 0);
}

/** Whether there is anything for the row below the title. */
export function hasFacts(card: Card): boolean {
  const { status, priority, due_at, items, comments, message, described, assignees } = card;
  return (
    status !== null ||
    priority !== null ||
    due_at !== null ||
    items > 0 ||
    comments > 0 ||
    message !== null ||
    described ||
    assignees.length > 0
  );
}
