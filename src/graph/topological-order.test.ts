import { expect, it } from "vitest";
import { topologicalOrder } from "./topological-order.js";

function order(items: readonly string[], needs: Readonly<Record<string, readonly string[]>>): readonly string[] {
  return topologicalOrder(
    items,
    (item) => needs[item] ?? [],
    (cycle) => {
      throw new Error(cycle.join(" <- "));
    },
  );
}

it("keeps an order that is valid", () => {
  expect(order(["a", "b", "c"], { b: ["a"], c: ["a"] })).toEqual(["a", "b", "c"]);
});

it("moves items behind those that they need", () => {
  expect(order(["c", "b", "a"], { c: ["a", "b"], b: ["a"] })).toEqual(["a", "b", "c"]);
});

it("names a cycle, without what leads to it", () => {
  expect(() => order(["a", "b", "c"], { a: ["b"], b: ["c"], c: ["b"] })).toThrow("b <- c");
  expect(() => order(["a"], { a: ["a"] })).toThrow("a");
});

it("follows chains deeper than the call stack", () => {
  const names = Array.from({ length: 50_000 }, (_, index) => String(index));
  const needs = Object.fromEntries(names.map((name, index) => [name, names.slice(index + 1, index + 2)]));
  expect(order(names, needs)).toEqual(names.toReversed());
});
