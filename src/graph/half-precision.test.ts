import fc from "fast-check";
import { expect, test } from "vitest";
import { bfloat16Bits, float16Bits, fromBfloat16, fromFloat16 } from "./half-precision.js";

test.each([
  ["float16", float16Bits, fromFloat16, 0x7bff],
  ["bfloat16", bfloat16Bits, fromBfloat16, 0x7f7f],
] as const)("a number becomes the nearest %s, of two as near the even one", (_, bitsOf, numberOf, largest) => {
  // Numbers half way between two, and hardly beside it: by way of float32 they would be rounded twice.
  const near = fc
    .tuple(fc.nat(largest - 1), fc.constantFrom(0, 0.25, 0.5, 0.75), fc.constantFrom(0, 2 ** -40, -(2 ** -40)))
    .map(([bits, part, more]) => {
      const [below, above] = [numberOf(bits), numberOf(bits + 1)];
      return Math.abs(below + (above - below) * (part + more));
    });
  fc.assert(
    fc.property(fc.oneof(near, fc.double({ noNaN: true, min: 0, max: numberOf(largest) })), (number) => {
      const bits = bitsOf(number);
      expect(bitsOf(-number)).toBe(bits | 0x8000);
      const distance = Math.abs(number - numberOf(bits));
      for (const other of [bits - 1, bits + 1]) {
        if (other < 0 || other > largest) continue;
        const further = Math.abs(number - numberOf(other));
        expect(bits % 2 === 0 ? distance <= further : distance < further).toBe(true);
      }
    }),
    { numRuns: 3000 },
  );
});
