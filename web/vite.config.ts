import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const server = process.env.HUBBUB_DEV_SERVER ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react(), tailwindcss()],
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
