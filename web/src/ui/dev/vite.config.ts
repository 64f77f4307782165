/** `npx vite --config src/ui/dev/vite.config.ts`: the interface on an in-memory double of core/, without a server. */
import { fileURLToPath } from "node:url";
import { defineConfig, mergeConfig, type Plugin } from "vite";
import base from "../../../vite.config.ts";

const real = fileURLToPath(new URL("../store.ts", import.meta.url));
const fake = fileURLToPath(new URL("./fake.ts", import.meta.url));

const swapStore: Plugin = {
  name: "fake-store",
  enforce: "pre",
  async resolveId(source, importer) {
    if (!source.endsWith("/store") || importer?.includes("/core/")) return null;
    const found = await this.resolve(source, importer, { skipSelf: true });
    return found?.id === real ? fake : null;
  },
};

const servePage: Plugin = {
  name: "fake-page",
  configureServer(server) {
    server.middlewares.use((request, _response, next) => {
      const path = request.url?.split("?")[0] ?? "/";
      if (!/\.|@|node_modules|^\/src/.test(path)) request.url = "/fake.html";
      next();
    });
  },
};

export default mergeConfig(
  base,
  defineConfig({
    root: fileURLToPath(new URL("../../..", import.meta.url)),
    plugins: [swapStore, servePage],
    server: { proxy: {} },
  }),
);
