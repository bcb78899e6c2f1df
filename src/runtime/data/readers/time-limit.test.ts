import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { TimeLimitError, withinTime } from "./time-limit.js";

test("what ends gives its result, or its error", () => {
  const result = {};
  expect(withinTime(60_000, () => result)).toBe(result);
  const error = new TypeError("wrong");
  expect(() =>
    withinTime(60_000, (): object => {
      throw error;
    }),
  ).toThrow(error);
});

test("what does not end is stopped", () => {
  expect(() =>
    withinTime(20, (): object => {
      for (;;);
    }),
  ).toThrow(TimeLimitError);
});

test("nothing of what ran is kept", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const reference = new WeakRef(withinTime(60_000, () => new Uint8Array(8)));
  await setImmediate();
  collect();
  expect(reference.deref()).toBeUndefined();
});
