import type { CSSProperties } from "react";
import type { Colour } from "../../../core/boards/wire";

/** In the order they are offered. */
export const COLOURS: readonly Colour[] = [
  "grey",
  "red",
  "orange",
  "yellow",
  "green",
  "teal",
  "blue",
  "purple",
  "pink",
];

const HUES: Record<Colour, number | null> = {
  grey: null,
  red: 25,
  orange: 52,
  yellow: 92,
  green: 150,
  teal: 195,
  blue: 250,
  purple: 300,
  pink: 350,
};

function shade(colour: Colour, lightness: number, chroma: number): string {
  const hue = HUES[colour];
  return hue === null ? `oklch(${lightness} 0.008 220)` : `oklch(${lightness} ${chroma} ${hue})`;
}

/** Text on its own soft ground; readable (AA) in light and dark. */
export function softColour(colour: Colour): CSSProperties {
  return {
    color: `light-dark(${shade(colour, 0.41, 0.1)}, ${shade(colour, 0.87, 0.08)})`,
    background: `light-dark(${shade(colour, 0.935, 0.045)}, ${shade(colour, 0.31, 0.055)})`,
  };
}

/** The full colour, for dots and swatches. */
export function dotColour(colour: Colour): string {
  return `light-dark(${shade(colour, 0.64, 0.16)}, ${shade(colour, 0.72, 0.14)})`;
}
