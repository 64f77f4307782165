import "./scripts/node.mjs";
import { defineConfig, mergeConfig } from "vitest/config";
import vite from "./vite.config.ts";

export default mergeConfig(
  vite,
  defineConfig({
    test: {
      environment: "jsdom",
      include: ["tests/**/*.test.{ts,tsx}"],
      setupFiles: ["tests/setup.ts"],
      // Each wait has its own patience, 60 seconds; this ends what hangs elsewhere.
      testTimeout: 120_000,
      hookTimeout: 120_000,
      restoreMocks: true,
    },
  }),
);
