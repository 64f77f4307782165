export type TipSide = "top" | "bottom" | "left" | "right";

/** Attributes that give an element a tooltip (see TipLayer). The element must carry the same name for screen readers. */
export function tip(label: string, keys?: string, side?: TipSide) {
  return { "data-tip": label, "data-tip-keys": keys, "data-tip-side": side };
}
