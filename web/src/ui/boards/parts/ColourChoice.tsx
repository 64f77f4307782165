import { useId } from "react";
import type { Colour } from "../../../core/boards/wire";
import { COLOURS, dotColour } from "./colours";

/** One of the colours of labels: a row of radio buttons. */
export function ColourChoice({ colour, onChange }: { colour: Colour; onChange: (colour: Colour) => void }) {
  const group = useId();
  return (
    <div role="radiogroup" aria-label="Colour" className="flex flex-wrap gap-1">
      {COLOURS.map((one) => (
        <label
          key={one}
          title={one}
          className="relative inline-flex size-6 cursor-pointer items-center justify-center rounded-full coarse:size-10"
        >
          <input
            type="radio"
            name={group}
            value={one}
            checked={one === colour}
            onChange={() => onChange(one)}
            aria-label={one}
            className="peer absolute inset-0 cursor-pointer appearance-none rounded-full"
          />
          <span
            aria-hidden="true"
            className="size-4 rounded-full ring-ink ring-offset-2 ring-offset-raised peer-checked:ring-2 coarse:size-6"
            style={{ background: dotColour(one) }}
          />
        </label>
      ))}
    </div>
  );
}
