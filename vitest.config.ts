import { defineConfig } from "vitest/config";

export default defineConfig({
  // By default a core is left idle, which is half of a small machine.
  test: { include: ["{src,cli,fixtures,examples}/**/*.test.ts"], testTimeout: 60_000, maxWorkers: "100%" },
});
