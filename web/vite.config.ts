import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const server = process.env.HUBBUB_DEV_SERVER ?? "http://127.0.0.1:8000";

/** What the socket's libraries bring for WebTransport and for binary packets: the server has neither. */
const plainSocket: Plugin = {
  name: "plain-socket",
  enforce: "pre",
  resolveId(source, importer) {
    const unused = /^\.\/(webtransport|binary|is-binary)\.js$/.test(source);
    if (!unused || !/\/(engine\.io-client|socket\.io-parser)\//.test(importer ?? "")) return null;
    return fileURLToPath(new URL("src/core/plain-socket.ts", import.meta.url));
  },
};

export default defineConfig({
  plugins: [plainSocket, react(), tailwindcss()],
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
