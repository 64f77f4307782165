import type { Colour, Label } from "../../../core/boards/wire";
import type { Id } from "../../../core/wire";
import { fold, matches } from "../../lib/names";
import { COLOURS } from "./colours";

export const LONGEST_LABEL = 40;

export function byName(a: Label, b: Label): number {
  return fold(a.name).localeCompare(fold(b.name));
}

/** Labels that fit the words, by name; and the name for a new one, when no label is called so. */
export function findLabels(labels: Record<Id, Label>, query: string): { found: Label[]; fresh: string | null } {
  const name = query.trim().replace(/\s+/g, " ").slice(0, LONGEST_LABEL);
  const all = Object.values(labels).sort(byName);
  if (name === "") return { found: all, fresh: null };
  return {
    found: all.filter((label) => matches(label.name, name)),
    fresh: all.some((label) => fold(label.name) === fold(name)) ? null : name,
  };
}

/** The colour used least; grey is kept for those who choose it. */
export function nextColour(labels: Record<Id, Label>): Colour {
  const uses = new Map<Colour, number>();
  for (const { colour } of Object.values(labels)) uses.set(colour, (uses.get(colour) ?? 0) + 1);
  return COLOURS.filter((colour) => colour !== "grey").reduce((best, colour) =>
    (uses.get(colour) ?? 0) < (uses.get(best) ?? 0) ? colour : best,
  );
}
