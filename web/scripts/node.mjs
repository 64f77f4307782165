// Ends a tool that was started by a Node for which the packages were not made, with a sentence that says what to do.
import { readFileSync } from "node:fs";

const wanted = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")).engines.node;

/** Whether a version is in a range such as `^24.15.0 || >=26.0.0`: the forms that package.json uses. */
export function fits(version, range = wanted) {
  const have = version.split(".").map(Number);
  return range.split(" || ").some((alternative) => {
    const least = alternative.match(/\d+/g).map(Number);
    const differs = least.findIndex((number, place) => number !== have[place]);
    const isNewer = differs === -1 || have[differs] > least[differs];
    return isNewer && (alternative.startsWith(">=") || differs !== 0);
  });
}

if (!fits(process.versions.node)) {
  console.error(
    `Hubbub's client needs Node ${wanted}, and this is ${process.versions.node}: ` +
      "use `make test-client`, which brings its own, or put .venv/bin first on PATH.",
  );
  process.exit(1);
}
