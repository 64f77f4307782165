import { memo } from "react";
import type { Label } from "../../../core/boards/wire";
import { dotColour, softColour } from "./colours";

/** A label: its name on its colour. */
export const LabelChip = memo(function LabelChip({ label }: { label: Label }) {
  return (
    <span
      className="inline-flex h-5 max-w-40 items-center rounded px-1.5 text-2xs font-medium"
      style={softColour(label.colour)}
    >
      <span className="truncate">{label.name}</span>
    </span>
  );
});

/** Only its colour, beside a name that stands there as text. */
export function LabelDot({ colour }: { colour: Label["colour"] }) {
  return (
    <span aria-hidden="true" className="size-2.5 shrink-0 rounded-full" style={{ background: dotColour(colour) }} />
  );
}
