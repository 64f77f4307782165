import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const server = process.env.HUBBUB_DEV_SERVER ?? "http://127.0.0.1:8000";

/** What libraries bring that is not used here, and what stands in its place. */
const SLIM: [library: RegExp, source: RegExp, file: string][] = [
  // The server has neither WebTransport nor binary packets.
  [
    /\/(engine\.io-client|socket\.io-parser)\//,
    /^\.\/(webtransport|binary|is-binary)\.js$/,
    "src/core/plain-socket.ts",
  ],
  [/\/lucide-react\/dist\/esm\/icons\//, /^\.\.\/createLucideIcon\.mjs$/, "src/ui/parts/lucide.ts"],
];

const slim: Plugin = {
  name: "slim",
  enforce: "pre",
  resolveId(source, importer = "") {
    const found = SLIM.find(([library, unused]) => library.test(importer) && unused.test(source));
    return found ? fileURLToPath(new URL(found[2], import.meta.url)) : null;
  },
};

export default defineConfig({
  plugins: [slim, react(), tailwindcss()],
  // The server puts each answer's nonce in the place of this word; on a static host without a CSP it does no harm.
  html: { cspNonce: "__CSP_NONCE__" },
  // wouter brings this for a React without the hook.
  resolve: { alias: { "use-sync-external-store/shim/index.js": "react" } },
  build: {
    target: "es2023",
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        // What every page needs and only an upgrade changes: one file packs better than the five it would be.
        codeSplitting: {
          groups: [{ name: "react", test: /node_modules\/(react|react-dom|scheduler|wouter|regexparam|zustand)\// }],
        },
      },
    },
    manifest: true,
    // Written for error reports, named by no served file; the server does not hand out .map files.
    sourcemap: "hidden",
    // A data: URL would be refused by the CSP's font-src.
    assetsInlineLimit: 0,
  },
  server: {
    host: "127.0.0.1",
    proxy: {
      "/api": { target: server },
      "/socket.io": { target: server, ws: true },
    },
  },
});
