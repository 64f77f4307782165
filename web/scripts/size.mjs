// Fails when the JavaScript that a first look at a conversation fetches, gzipped, is over the budget of the design (§6):
// the entry and the renderer, which comes with the first message. tests/browser/test_quality.py counts the same on the wire.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET = 150_000;
const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", dist), "utf8"));
const RENDERER = "src/ui/lib/markdown.ts";

const needed = new Set();
function collect(name) {
  if (needed.has(name)) return;
  needed.add(name);
  for (const imported of manifest[name].imports ?? []) collect(imported);
}
const entries = Object.keys(manifest).filter((name) => manifest[name].isEntry);
if (entries.length === 0 || !manifest[RENDERER]) throw new Error("the manifest lacks the entry or the renderer");
for (const name of [...entries, RENDERER]) collect(name);

let total = 0;
function count(file) {
  const size = gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length;
  total += size;
  console.log(`${(size / 1000).toFixed(1).padStart(7)} KB  ${file}`);
}
for (const name of needed) if (manifest[name].file.endsWith(".js")) count(manifest[name].file);
count("config.js");
console.log(`${(total / 1000).toFixed(1).padStart(7)} KB  in total, of ${BUDGET / 1000} KB allowed`);
if (total > BUDGET) {
  console.error("the first load is over its budget");
  process.exit(1);
}
