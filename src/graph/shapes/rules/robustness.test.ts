import fc from "fast-check";
import { expect, it } from "vitest";
import { attributesOf } from "../../builder.js";
import type { DataType } from "../../data-type.js";
import { InputError } from "../../errors.js";
import { node } from "../../testing/models.js";
import { add, type Extent, multiply } from "../extent.js";
import { type Facts, unknownFacts } from "../facts.js";
import { inferOutputs } from "../infer.js";
import { shapeRules } from "./index.js";

const extent = fc.oneof(
  fc.integer({ min: 0, max: 4 }),
  fc.constantFrom<Extent>("a", "b", add("a", 1), multiply("a", "b"), 7),
);
const element = fc.oneof(fc.integer({ min: -3, max: 5 }), extent, fc.constantFrom(null, 0.5, Number.MAX_SAFE_INTEGER));
const dataType = fc.constantFrom<DataType>("int64", "float32", "int32", "bool", "string", "undefined", "uint8");

const facts: fc.Arbitrary<Facts | undefined> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ dataType, shape: fc.array(extent, { maxLength: 5 }) }) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(dataType, fc.array(element, { maxLength: 6 }))
      .map(([type, elements]) => ({ dataType: type, shape: [elements.length], elements })),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(dataType, element).map(([type, each]) => ({ dataType: type, shape: [], elements: [each] })),
  },
  { weight: 1, arbitrary: fc.record({ dataType, shape: fc.constant(undefined) }) },
  { weight: 1, arbitrary: fc.constantFrom(undefined, unknownFacts) },
);

const number = fc.integer({ min: -3, max: 5 });
const attributes = fc.record(
  {
    axis: number,
    axes: fc.array(number, { maxLength: 3 }),
    perm: fc.array(number, { maxLength: 4 }),
    keepdims: number,
    to: fc.integer({ min: -1, max: 30 }),
    dtype: fc.integer({ min: -1, max: 30 }),
    start: number,
    end: number,
    num_outputs: number,
    batch_dims: number,
    blocksize: number,
    reduction: fc.constantFrom("none", "add", "odd"),
    mode: fc.constantFrom("constant", "edge", "odd", ""),
    allowzero: number,
    shape: fc.array(number, { maxLength: 3 }),
    value_ints: fc.array(number, { maxLength: 3 }),
    group: number,
    pads: fc.array(number, { maxLength: 6 }),
    strides: fc.array(number, { maxLength: 3 }),
    dilations: fc.array(number, { maxLength: 3 }),
    kernel_shape: fc.array(number, { maxLength: 3 }),
    hidden_size: number,
    equation: fc.constantFrom("ij,jk->ik", "...i,i", "", "->", "ii"),
    transA: number,
    num_groups: number,
  },
  { requiredKeys: [] },
);

it.each([...shapeRules.keys()])("%s gives facts or one clear error, whatever it is given", (opType) => {
  fc.assert(
    fc.property(
      fc.array(facts, { maxLength: 5 }),
      fc.integer({ min: 1, max: 3 }),
      attributes,
      (inputs, count, given) => {
        const outputs = Array.from({ length: count }, (_, index) => `o${index}`);
        const names = inputs.map((_, index) => `i${index}`);
        const of = node(opType, names, outputs, { attributes: attributesOf(given) });
        try {
          for (const { shape, elements } of inferOutputs(of, inputs)) {
            expect(shape?.every((each) => typeof each === "string" || (Number.isInteger(each) && each >= 0))).not.toBe(
              false,
            );
            expect(elements?.every((each) => typeof each !== "number" || Number.isFinite(each))).not.toBe(false);
            const isStatic = shape?.every((each) => typeof each === "number");
            if (elements !== undefined && isStatic === true)
              expect(elements.length).toBe(shape.reduce((a, b) => a * b, 1));
          }
        } catch (error) {
          if (!(error instanceof InputError)) throw error;
          expect(error.message).toMatch(/^[^\p{Cc}]{1,2100}$/u);
        }
      },
    ),
    { numRuns: 200 },
  );
});
