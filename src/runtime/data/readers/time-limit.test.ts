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
