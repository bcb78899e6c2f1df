import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InputError } from "../errors.js";
import { add, type Extent, floorDivide, maximum, multiply, subtract, substitute } from "./extent.js";
import { broadcastShapes, slicedExtent } from "./shape-math.js";

const fail = (what: string): never => {
  throw new InputError("the node", what);
};

/** How many positions ONNX's Slice visits, counted one by one. */
function countSliced(extent: number, start: number, end: number, step: number): number {
  const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);
  const first = clamp(start < 0 ? start + extent : start, 0, step > 0 ? extent : extent - 1);
  const last =
    step > 0 ? clamp(end < 0 ? end + extent : end, 0, extent) : clamp(end < 0 ? end + extent : end, -1, extent - 1);
  let count = 0;
  for (let position = first; step > 0 ? position < last : position > last; position += step) count++;
  return count;
}

const position = fc.oneof(
  fc.integer({ min: -12, max: 12 }),
  fc.constantFrom(2 ** 31 - 1, -(2 ** 31), Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 31 - 2),
);
const step = fc.integer({ min: -5, max: 5 }).filter((number) => number !== 0);
const symbolic: fc.Arbitrary<Extent> = fc.oneof(
  position,
  fc.constantFrom<Extent>(
    "h",
    add("h", 2),
    subtract("h", 1),
    multiply("h", 2),
    floorDivide("h", 2),
    multiply("h", -1),
    "k",
    subtract("h", 4),
  ),
);

describe("slicedExtent", () => {
  it("counts what a slice visits", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), position, position, step, (extent, start, end, by) => {
        expect(slicedExtent(extent, start, end, by)).toBe(countSliced(extent, start, end, by));
      }),
      { numRuns: 3000 },
    );
  });

  it("counts the same where extent, start and end are symbolic", () => {
    const number = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(symbolic, symbolic, step, number, number, (start, end, by, h, k) => {
        const result = slicedExtent("h", start, end, by);
        if (result === undefined) return;
        const at = new Map<string, Extent>([
          ["h", h],
          ["k", k],
        ]);
        const [first, last] = [Number(substitute(start, at)), Number(substitute(end, at))];
        expect(substitute(result, at)).toBe(countSliced(h, first, last, by));
      }),
      { numRuns: 5000 },
    );
  });

  it.each<readonly [Extent, Extent, Extent, number, Extent | undefined]>([
    ["h", 0, 5, 1, "min(5, h)"],
    ["h", 2, 2 ** 31 - 1, 1, "max(0, h - 2)"],
    ["h", -3, Number.MAX_SAFE_INTEGER, 1, "min(3, h)"],
    ["h", 0, -1, 1, "h - 1"],
    ["h", 1, "h", 1, "h - 1"],
    ["h", -1, Number.MIN_SAFE_INTEGER, -1, "h"],
    ["h", 0, 2 ** 31 - 1, 2, "floor((h + 1)/2)"],
    ["h", 1, 2 ** 31 - 1, 2, "floor(h/2)"],
    ["h", 0, floorDivide("h", 2), 1, "floor(h/2)"],
    ["past + h", "past", "past + h", 1, "h"],
    ["h", 0, subtract("k", "n"), 1, undefined],
  ])("of %s from %s to %s by %i is %s", (extent, start, end, by, expected) => {
    expect(slicedExtent(extent, start, end, by)).toBe(expected);
  });
});

describe("broadcastShapes", () => {
  it.each<readonly [readonly (readonly Extent[] | undefined)[], readonly Extent[] | undefined]>([
    [
      [["batch", 8], [8]],
      ["batch", 8],
    ],
    [
      [
        ["batch", 1],
        ["batch", 8],
      ],
      ["batch", 8],
    ],
    [[[], ["h"]], ["h"]],
    [[["h"], [4]], [4]],
    [[["h"], [1], ["h"]], ["h"]],
    [[["a"], ["b + 1"]], ["b + 1"]],
    [[["a", 3], undefined], undefined],
    [[["a"], ["b"], ["a"]], [maximum("a", "b")]],
  ])("%j give %j", (shapes, expected) => {
    expect(broadcastShapes(shapes, { fail })).toEqual(expected);
  });

  it("holds for any extents that broadcast at run time", () => {
    const extent = fc.constantFrom<Extent>("a", "b", 1, add("a", 1), multiply("a", "b"), 3);
    const number = fc.constantFrom(1, 1, 2, 3);
    fc.assert(
      fc.property(fc.array(extent, { minLength: 1, maxLength: 4 }), number, number, (extents, a, b) => {
        const at = new Map<string, Extent>([
          ["a", a],
          ["b", b],
        ]);
        const numbers = extents.map((each) => substitute(each, at));
        const [longest = 1, ...others] = [...new Set(numbers.filter((each) => each !== 1))];
        if (others.length > 0) return;
        const [result = 0] =
          broadcastShapes(
            extents.map((each) => [each]),
            { fail },
          ) ?? [];
        expect(substitute(result, at)).toBe(longest);
      }),
      { numRuns: 2000 },
    );
  });

  it("refuses numbers that contradict each other", () => {
    expect(() => broadcastShapes([["h", 3], [2]], { fail })).toThrow("cannot broadcast [h, 3] with [2]");
  });
});
