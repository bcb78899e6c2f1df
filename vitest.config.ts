import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["{src,cli,fixtures,examples}/**/*.test.ts"],
    testTimeout: 60_000,
    // By default a core is left idle, which is half of a small machine.
    maxWorkers: "100%",
    // What modules keep depends on no test, and to load all of them for each file takes as long as the tests.
    isolate: false,
  },
});
