/** In the place of lucide's own maker of components (see vite.config.ts): the same pictures from a third of the code. */
import { createElement, type SVGProps } from "react";

interface Picture {
  node: [name: string, attributes: Record<string, string>][];
}

export default function createLucideIcon({ node }: Picture) {
  return ({ size = 24, ...rest }: SVGProps<SVGSVGElement> & { size?: number }) =>
    createElement(
      "svg",
      {
        xmlns: "http://www.w3.org/2000/svg",
        width: size,
        height: size,
        viewBox: "0 0 24 24",
        fill: "none",
        stroke: "currentColor",
        strokeWidth: 2,
        strokeLinecap: "round",
        strokeLinejoin: "round",
        "aria-hidden": rest["aria-label"] === undefined || undefined,
        ...rest,
      },
      node.map(([name, attributes]) => createElement(name, attributes)),
    );
}
