import fc from "fast-check";
import { integerConstant, numbersBetween, operand } from "../arbitraries.js";
import type { OperandCase, OperatorCase } from "../operator-case.js";

const anyNumber = numbersBetween(-1, 1);

const attention: fc.Arbitrary<OperatorCase> = fc
  .record({
    batch: fc.integer({ min: 1, max: 2 }),
    keyHeads: fc.integer({ min: 1, max: 2 }),
    group: fc.integer({ min: 1, max: 2 }),
    length: fc.integer({ min: 1, max: 3 }),
    total: fc.integer({ min: 1, max: 3 }),
    isCausal: fc.boolean(),
    mask: fc.constantFrom("none", "boolean", "float"),
    softcap: fc.constantFrom(0, 1.5),
  })
  .chain(({ batch, keyHeads, group, length, total, isCausal, mask, softcap }) => {
    const query = operand([batch, keyHeads * group, length, 2], anyNumber);
    const key = operand([batch, keyHeads, total, 2], anyNumber);
    const booleans: OperandCase = {
      role: "constant",
      dataType: "bool",
      shape: [length, total],
      values: Array.from({ length: length * total }, (_, index) => (index % total === 0 || index % 2 === 0 ? 1 : 0)),
    };
    const masks = {
      none: fc.constant(null),
      boolean: fc.constant(booleans),
      float: operand([length, total], anyNumber),
    };
    return fc.tuple(query, key, key, masks[mask]).map((inputs) => ({
      op: "Attention",
      attributes: { is_causal: isCausal ? 1 : 0, softcap: { float: softcap } },
      inputs,
    }));
  });

const rotaryEmbedding: fc.Arbitrary<OperatorCase> = fc
  .tuple(fc.constantFrom(0, 1), fc.boolean(), fc.boolean())
  .chain(([interleaved, isPacked, isLookedUp]) => {
    const cache = operand(isLookedUp ? [4, 2] : [2, 3, 2], anyNumber);
    const positions = isLookedUp ? [integerConstant([3, 0, 3, 1, 2, 2], [2, 3])] : [];
    return fc.tuple(operand(isPacked ? [2, 3, 8] : [2, 2, 3, 4], anyNumber), cache, cache).map((inputs) => ({
      op: "RotaryEmbedding",
      attributes: { interleaved, ...(isPacked ? { num_heads: 2 } : {}) },
      inputs: [...inputs, ...positions],
    }));
  });

/** Applications of attention and what belongs to it, by operator. */
export const attentionCases: Readonly<Record<string, fc.Arbitrary<OperatorCase>>> = {
  Attention: attention,
  RotaryEmbedding: rotaryEmbedding,
};
