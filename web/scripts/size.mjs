// Fails when what the first page load must fetch of JavaScript, gzipped, is over the budget of the design (§6).
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET = 150 * 1024;
const dist = new URL("../dist/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", dist), "utf8"));

const needed = new Set();
function collect(name) {
  if (needed.has(name)) return;
  needed.add(name);
  for (const imported of manifest[name].imports ?? []) collect(imported);
}
for (const [name, chunk] of Object.entries(manifest)) if (chunk.isEntry) collect(name);

let total = 0;
for (const name of needed) {
  const { file } = manifest[name];
  if (!file.endsWith(".js")) continue;
  const size = gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length;
  total += size;
  console.log(`${(size / 1024).toFixed(1).padStart(7)} KB  ${file}`);
}
console.log(`${(total / 1024).toFixed(1).padStart(7)} KB  in total, of ${BUDGET / 1024} KB allowed`);
if (total === 0 || total > BUDGET) {
  console.error(total === 0 ? "no entry found in the manifest" : "the first load is over its budget");
  process.exit(1);
}
