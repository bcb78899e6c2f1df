import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { fixture } from "../../graph/testing/models.js";
import { RandomNumbers } from "./random-numbers.js";

// An implementation of its own, in fixtures/initialization/make_goldens.py, checked there with a published test vector.
const { random } = JSON.parse(readFileSync(fixture("initialization/goldens.json"), "utf8")) as {
  readonly random: readonly { readonly seed: number; readonly name: string; readonly bits: readonly number[] }[];
};

it.each(random)("bits for seed $seed and $name are those of xoshiro128**", ({ seed, name, bits }) => {
  const numbers = new RandomNumbers(seed, name);
  expect(bits.map(() => numbers.bits() >>> 0)).toEqual(bits);
});
