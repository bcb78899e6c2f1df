import { expect, test } from "vitest";
import { partition, tuple, tupleLike } from "./tuple.js";

test("a list becomes a tuple only if it has that many items", () => {
  const [first, second] = tuple(["a", "b"], 2);
  expect([first, second]).toEqual(["a", "b"]);
  expect(() => tuple(["a"], 2)).toThrow("1 values instead of 2");
});

test("a list becomes as long as another one only if it is", () => {
  const [only] = tupleLike(["a"], [1] as const);
  expect(only).toBe("a");
  expect(() => tupleLike(["a", "b"], [1] as const)).toThrow("2 values instead of 1");
});

test("a list is cut into parts only if they are all of it", () => {
  expect(partition([1, 2, 3], [1, 0, 2])).toEqual([[1], [], [2, 3]]);
  expect(() => partition([1, 2, 3], [1, 1])).toThrow("3 values instead of 2");
  expect(() => partition([1], [1, 1])).toThrow("1 values instead of 2");
});
