import { defineConfig } from "vitest/config";

export default defineConfig({
  test: { include: ["{src,cli,fixtures}/**/*.test.ts"], testTimeout: 60_000 },
});
