// Puts a Brotli form beside each file that gains by it; the server hands it out as it is.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { brotliCompressSync, constants } from "node:zlib";

const dist = new URL("../dist/", import.meta.url);
const text = /\.(js|css|svg|json|webmanifest)$/;

for (const name of readdirSync(dist, { recursive: true })) {
  if (!text.test(name) || name === "config.js" || name.startsWith(".")) continue;
  const path = new URL(name, dist);
  const bytes = readFileSync(path);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  const packed = brotliCompressSync(bytes, { params });
  if (packed.length < bytes.length) writeFileSync(`${path.pathname}.br`, packed);
}
