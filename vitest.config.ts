import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { conditions: ["isthmus-source"] },
  ssr: { resolve: { conditions: ["isthmus-source"] } },
  test: {
    include: ["packages/*/test/**/*.test.ts", "tools/test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores on the smallest machine that must pass: peers and hubs are processes of their own.
    maxWorkers: 2,
  },
});
