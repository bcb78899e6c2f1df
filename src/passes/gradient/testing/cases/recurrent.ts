import fc from "fast-check";
import { numbersBetween, operand } from "../arbitraries.js";
import type { OperandCase, OperatorCase } from "../operator-case.js";

const gates = { RNN: 1, LSTM: 4, GRU: 3 };

/** A layer with any of its options. */
function layer(op: keyof typeof gates): fc.Arbitrary<OperatorCase> {
  return fc
    .record({
      direction: fc.constantFrom("forward", "reverse", "bidirectional"),
      layout: fc.nat({ max: 1 }),
      linear_before_reset: fc.nat({ max: 1 }),
      input_forget: fc.nat({ max: 1 }),
      isUsual: fc.boolean(),
      steps: fc.integer({ min: 1, max: 3 }),
      batch: fc.integer({ min: 1, max: 2 }),
      has: fc.record({ b: fc.boolean(), lengths: fc.boolean(), h: fc.boolean(), c: fc.boolean(), p: fc.boolean() }),
      functions: fc.array(fc.constantFrom("Sigmoid", "Tanh"), { minLength: 6, maxLength: 6 }),
      symbolic: fc.constantFrom([], [0], [1], [0, 1]),
    })
    .chain(({ direction, layout, isUsual, steps, batch, has, functions, symbolic, ...rest }) => {
      const directions = direction === "bidirectional" ? 2 : 1;
      const [hidden, size, rows] = [2, 2, gates[op] * 2];
      const swapped = ([first, second, last]: readonly [number, number, number]) =>
        layout === 1 ? [second, first, last] : [first, second, last];
      const tensor = (isThere: boolean, shape: readonly number[], axes: readonly number[] = []) =>
        isThere
          ? operand(shape, numbersBetween(-1, 1)).map((value): OperandCase => ({ ...value, symbolic: axes }))
          : fc.constant(null);
      const lengths = fc
        .array(fc.integer({ min: 0, max: steps }), { minLength: batch, maxLength: batch })
        .map((values): OperandCase => ({ role: "data", dataType: "int32", shape: [batch], values }));
      const options = {
        ...(op === "GRU" ? { linear_before_reset: rest.linear_before_reset } : {}),
        ...(op === "LSTM" && !isUsual ? { input_forget: rest.input_forget } : {}),
        ...(isUsual ? {} : { activations: functions.slice(0, directions * { RNN: 1, LSTM: 3, GRU: 2 }[op]) }),
      };
      return fc
        .tuple(
          tensor(true, swapped([steps, batch, size]), symbolic),
          tensor(true, [directions, rows, size]),
          tensor(true, [directions, rows, hidden]),
          tensor(has.b, [directions, 2 * rows]),
          has.lengths && !isUsual ? lengths : fc.constant(null),
          tensor(has.h, swapped([directions, batch, hidden])),
          tensor(has.c && op === "LSTM", swapped([directions, batch, hidden])),
          tensor(has.p && op === "LSTM" && !isUsual, [directions, 3 * hidden]),
        )
        .map((inputs) => ({
          op,
          attributes: { hidden_size: hidden, direction, layout, ...options },
          inputs,
          outputs: op === "LSTM" ? 3 : 2,
          // Its kernels know no float64.
          isWithoutKernel: true,
        }));
    });
}

/** Applications of recurrent layers, by operator. */
export const recurrentCases: Readonly<Record<string, fc.Arbitrary<OperatorCase>>> = {
  RNN: layer("RNN"),
  LSTM: layer("LSTM"),
  GRU: layer("GRU"),
};
