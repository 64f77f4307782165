import type { Id } from "../../../core/wire";

/** The index a row gets that was dragged `by` pixels, given where the middles of all rows were. */
export function dropIndex(middles: readonly number[], index: number, by: number): number {
  const at = (middles[index] ?? 0) + by;
  return middles.filter((middle, other) => other !== index && middle < at).length;
}

/** What to stand behind so as to get from one index to another; null is the front. */
export function afterFor(ids: readonly Id[], from: number, to: number): Id | null {
  const others = ids.filter((_, index) => index !== from);
  return others[to - 1] ?? null;
}
