import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { epochOrder, permutation } from "./order.js";
import { drawBelow, randomOf, xoshiro128 } from "./random.js";

describe("random numbers", () => {
  test("are those of the published xoshiro128**", () => {
    const random = xoshiro128([1, 2, 3, 4]);
    const drawn = Array.from({ length: 10 }, random);
    expect(drawn).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  test("stay the same from version to version, so that runs can be repeated", () => {
    const random = randomOf(42, "order", 3);
    expect([random(), random(), random()]).toEqual([948231487, 4276116774, 1384260961]);
  });

  test("differ by seed, purpose and number", () => {
    const first = [randomOf(0, "order", 1), randomOf(1, "order", 1), randomOf(0, "split", 1), randomOf(0, "order", 2)];
    const beyond32Bits = randomOf(2 ** 32, "order", 1);
    expect(new Set([...first, beyond32Bits].map((random) => random())).size).toBe(5);
  });

  test("below a count are all as likely", () => {
    const random = randomOf(7, "test");
    const counts = Array<number>(6).fill(0);
    for (let draw = 0; draw < 60_000; draw++) {
      const drawn = drawBelow(random, 6);
      counts[drawn] = (counts[drawn] ?? 0) + 1;
    }
    // 5 standard deviations of a count of 10,000 are 456.
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(456);
  });
});

describe("orders", () => {
  test("are permutations", () => {
    fc.assert(
      fc.property(fc.nat(300), fc.maxSafeNat(), fc.nat(1000), (count, seed, epoch) => {
        const order = epochOrder(count, { seed, epoch });
        expect([...order].toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, index) => index));
      }),
    );
  });

  test("depend on seed and epoch alone", () => {
    expect(epochOrder(1000, { seed: 3, epoch: 5 })).toEqual(epochOrder(1000, { seed: 3, epoch: 5 }));
    expect(epochOrder(1000, { seed: 3, epoch: 5 })).not.toEqual(epochOrder(1000, { seed: 3, epoch: 6 }));
    expect(epochOrder(1000, { seed: 3, epoch: 5 })).not.toEqual(epochOrder(1000, { seed: 4, epoch: 5 }));
  });

  test("are those of the data without shuffling", () => {
    expect([...epochOrder(4, { seed: 3, epoch: 5, shuffle: false })]).toEqual([0, 1, 2, 3]);
  });

  test("are all as likely", () => {
    const random = randomOf(1, "test");
    const counts = new Map<string, number>();
    for (let draw = 0; draw < 24_000; draw++) {
      const order = permutation(4, random).join("");
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    // 5 standard deviations of a count of 1000 are 155.
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(155);
  });
});
