import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { refusal } from "../../testing/input-error.js";
import { floats, integers, type PlainTensor } from "../../testing/run-model.js";
import { add, type Extent, floorDivide, multiply, substitute, subtract } from "../extent.js";
import { type Facts, tensorFacts } from "../facts.js";
import { inferOutputs } from "../infer.js";
import { expectElementsAgree } from "../testing/element-agreement.js";
import { expectRuntimeAgrees, inferredTypes, nodeOf, zeros } from "../testing/runtime-agreement.js";

function booleans(values: readonly number[], shape: readonly number[] = [values.length]): PlainTensor {
  return { dataType: "bool", shape, values };
}

const ofFloats = [
  ..."Abs Acos Acosh Asin Asinh Atan Atanh Ceil Celu Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid HardSwish LeakyRelu Log".split(
    " ",
  ),
  ..."Mish Neg Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus Softsign Sqrt Tan Tanh ThresholdedRelu".split(
    " ",
  ),
];
const arithmetic = ["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean"];
const comparisons = ["Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual"];
const logical = ["And", "Or", "Xor"];

describe("types and shapes against ONNX Runtime", () => {
  it.each(ofFloats)("%s", async (opType) => {
    await expectRuntimeAgrees(opType, [floats([0.5, 1, 0.25], [3, 1])]);
  });

  it.each(["IsNaN", "IsInf"])("%s", async (opType) => {
    await expectRuntimeAgrees(opType, [zeros(2, 3)]);
  });

  it.each([...arithmetic, ...comparisons])("%s broadcasts", async (opType) => {
    await expectRuntimeAgrees(opType, [zeros(2, 1, 3), zeros(4, 1)]);
    await expectRuntimeAgrees(opType, [zeros(), zeros(2)]);
    await expectRuntimeAgrees(opType, [zeros(0), zeros(1)]);
  });

  it("others that broadcast", async () => {
    for (const opType of logical) await expectRuntimeAgrees(opType, [booleans([1, 0], [2, 1]), booleans([1, 0, 1])]);
    for (const opType of ["BitwiseAnd", "BitwiseOr", "BitwiseXor", "Mod"]) {
      await expectRuntimeAgrees(opType, [integers([7, 5], [2, 1]), integers([3, 2, 1])]);
    }
    await expectRuntimeAgrees("Pow", [floats([2, 3], [2, 1]), integers([1, 2, 3])]);
    await expectRuntimeAgrees("Where", [booleans([1, 0], [2, 1]), floats([1, 2, 3]), floats([1])]);
    await expectRuntimeAgrees("PRelu", [zeros(2, 3, 4), zeros(3, 1)]);
    await expectRuntimeAgrees("PRelu", [zeros(2, 1), zeros(3)]);
    await expectRuntimeAgrees("Clip", [zeros(2, 3), floats([0], []), undefined]);
    await expectRuntimeAgrees("Max", [zeros(2, 1), zeros(3), zeros()]);
    await expectRuntimeAgrees("BitwiseNot", [integers([1, 2])]);
    await expectRuntimeAgrees("Not", [booleans([1, 0])]);
  });
});

describe("elements against ONNX Runtime", () => {
  const numbers = [-7, -3, -2, -1, 0, 1, 2, 3, 8, 100];
  const fractions = [-2.5, -1.5, -0.5, 0.25, 0.5, 0.7, 1.5, 2.5, 1 / 3];
  const [row, column] = [
    integers(numbers),
    integers(
      numbers.filter((number) => number !== 0),
      [9, 1],
    ),
  ];

  it.each(["Add", "Sub", "Mul", "Div", "Mod", "Max", "Min", ...comparisons])("%s of integers", async (opType) => {
    await expectElementsAgree(opType, [row, column]);
  });

  it.each(["Add", "Sub", "Mul", "Div", "Max", "Min", "Less", "Greater"])("%s of floats", async (opType) => {
    const operands = [...numbers.filter((number) => number !== 0 && Math.abs(number) < 4), ...fractions];
    // Constants of more than 16 floats are data.
    await expectElementsAgree(opType, [floats(operands), floats(operands, [operands.length, 1])]);
  });

  it("Mod with the sign of the dividend", async () => {
    await expectElementsAgree("Mod", [row, column], { fmod: 1 });
  });

  it.each(["Abs", "Neg", "Sign"])("%s of integers", async (opType) => {
    await expectElementsAgree(opType, [row]);
  });

  it.each(["Abs", "Neg", "Sign", "Relu", "Ceil", "Floor", "Round"])("%s of floats", async (opType) => {
    await expectElementsAgree(opType, [floats(fractions)]);
  });

  it("of booleans", async () => {
    for (const opType of logical) await expectElementsAgree(opType, [booleans([0, 1]), booleans([0, 1], [2, 1])]);
    await expectElementsAgree("Not", [booleans([0, 1])]);
    await expectElementsAgree("Where", [booleans([0, 1]), integers([1, 2], [2, 1]), integers([5])]);
  });

  it("of others", async () => {
    await expectElementsAgree("Clip", [row, integers([-2], []), integers([5], [])]);
    await expectElementsAgree("Clip", [row, undefined, integers([5], [])]);
    await expectElementsAgree("Sum", [floats([1, 2]), floats([3, 4], [2, 1]), floats([5])]);
    await expectElementsAgree("Pow", [integers([2, 3, -2]), integers([0, 3, 2])]);
    await expectElementsAgree("Sqrt", [floats([16, 2, 64])]);
    await expectElementsAgree("Reciprocal", [floats([16, 3, 0.5])]);
  });
});

const symbols: readonly Extent[] = [
  "h",
  "w",
  add("h", 1),
  subtract("h", 3),
  multiply(2, "w"),
  multiply("h", "w"),
  floorDivide("h", 2),
  multiply(-1, "h"),
];

function vector(dataType: Facts["dataType"], ...elements: readonly (Extent | null)[]): Facts {
  return tensorFacts(dataType, [elements.length], elements);
}

function elementsOf(opType: string, inputs: readonly Facts[], attributes = {}): Facts["elements"] {
  return inferOutputs(nodeOf(opType, inputs.length, attributes), inputs)[0]?.elements;
}

describe("symbolic elements", () => {
  const element = fc.oneof(fc.constantFrom(...symbols), fc.integer({ min: -4, max: 9 }));
  const operators = ["Add", "Sub", "Mul", "Div", "Mod", "Max", "Min", ...comparisons];
  const at = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }));

  it("are what numbers give, for any numbers in their place", () => {
    fc.assert(
      fc.property(fc.constantFrom(...operators), element, element, at, (opType, a, b, [h, w]) => {
        const numbers = new Map([
          ["h", h],
          ["w", w],
        ]);
        const [result] = elementsOf(opType, [vector("int64", a), vector("int64", b)]) ?? [];
        if (result === undefined || result === null) return;
        const [left, right] = [a, b].map((extent) => substitute(extent, numbers));
        const [expected] = elementsOf(opType, [vector("int64", left ?? 0), vector("int64", right ?? 0)]) ?? [];
        if (expected !== null) expect(substitute(result, numbers)).toBe(expected);
      }),
      { numRuns: 4000 },
    );
  });

  it("stay exact in floats: halves, quarters ... of symbols", () => {
    const factor = fc.constantFrom(0.5, 2, 0.25, 3, 1.5, 0.125);
    fc.assert(
      fc.property(fc.constantFrom(...symbols), factor, factor, at, (extent, first, second, [h, w]) => {
        const numbers = new Map([
          ["h", h],
          ["w", w],
        ]);
        const scaled = elementsOf("Mul", [vector("float32", extent), vector("float32", first)]) ?? [];
        const shifted = elementsOf("Add", [vector("float32", ...scaled), vector("float32", second)]) ?? [];
        const value = Number(substitute(extent, numbers)) * first + second;
        const rounded = (opType: string) => elementsOf(opType, [vector("float32", ...shifted)])?.[0] ?? null;
        for (const [opType, round] of [
          ["Floor", Math.floor],
          ["Ceil", Math.ceil],
        ] as const) {
          const result = rounded(opType);
          expect(result).not.toBeNull();
          expect(substitute(result ?? 0, numbers)).toBe(round(value) + 0);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it.each<readonly [string, readonly Facts[], readonly (Extent | null)[]]>([
    ["Div", [vector("int64", "h"), vector("int64", 2)], ["floor(h/2)"]],
    ["Div", [vector("int64", "h - 3"), vector("int64", 2)], ["max(0, floor((h + 1)/2) - 2) + min(0, floor(h/2) - 1)"]],
    ["Div", [vector("int64", "h*w"), vector("int64", "w")], ["h"]],
    ["Div", [vector("int64", "h"), vector("int64", 0)], [null]],
    ["Div", [vector("float32", "h"), vector("float32", 4)], ["0.25*h"]],
    ["Div", [vector("float32", "h"), vector("float32", 3)], [null]],
    ["Mul", [vector("float32", "h"), vector("float32", Math.fround(0.7))], [null]],
    ["Mod", [vector("int64", "h"), vector("int64", 2)], ["-2*floor(h/2) + h"]],
    ["Mod", [vector("int64", "4*h"), vector("int64", 2)], [0]],
    ["Equal", [vector("int64", "h", "h", "h", "h", "h"), vector("int64", -1, 0, 1, "h", "w")], [0, 0, null, 1, null]],
    ["Less", [vector("int64", 0, "h", 5), vector("int64", "h", "h + 1", "h")], [1, 1, null]],
    ["GreaterOrEqual", [vector("int64", "h"), vector("int64", 1)], [1]],
    ["And", [vector("bool", 0, null, 1), vector("bool", null, 0, null)], [0, 0, null]],
    ["Or", [vector("bool", 1, null, 0), vector("bool", null, 1, null)], [1, 1, null]],
    ["Mul", [vector("int64", 0, null), vector("int64", null, 2)], [0, null]],
    [
      "Where",
      [vector("bool", 1, 0, null, null), vector("int64", "h", 1, 7, 7), vector("int64", 2, "w", 7, 8)],
      ["h", "w", 7, null],
    ],
    ["Sub", [vector("uint64", "h"), vector("uint64", "h - 1")], [1]],
    ["Sub", [vector("uint64", "h", "h"), vector("uint64", "w", 1)], [null, "h - 1"]],
    ["Add", [vector("int8", 100), vector("int8", 100)], [null]],
    ["Add", [vector("int64", Number.MAX_SAFE_INTEGER), vector("int64", 0)], [null]],
    ["Abs", [vector("int64", "h", "-h", "h - w")], ["h", "h", null]],
    ["Max", [vector("int64", "h"), vector("int64", 1), vector("int64", "w")], ["max(h, w)"]],
  ])("%s %#", (opType, inputs, expected) => {
    expect(elementsOf(opType, inputs)).toEqual(expected.every((each) => each === null) ? undefined : expected);
  });
});

describe("what does not fit", () => {
  const [of2, of3] = [tensorFacts("float32", [2]), tensorFacts("float32", ["h", 3])];

  it("is refused in one line", () => {
    expect(refusal(() => inferredTypes("Add", [of3, of2]))).toBe('Add "o0": cannot broadcast [h, 3] with [2]');
    expect(refusal(() => inferredTypes("Add", [of2, tensorFacts("int64", [2])]))).toBe(
      'Add "o0": has inputs of different types: float32 and int64',
    );
    expect(refusal(() => inferredTypes("Add", [of2, undefined]))).toBe('Add "o0": lacks its input 1');
  });

  it("is not refused where it might fit", () => {
    expect(inferredTypes("Add", [of3, tensorFacts("undefined", undefined)])).toEqual(["float32"]);
    expect(inferredTypes("Add", [tensorFacts("undefined", undefined), of3])).toEqual(["float32"]);
    expect(inferredTypes("Mul", [tensorFacts("float32", ["a"]), tensorFacts("float32", ["b"])])).toEqual([
      "float32[max(a, b)]",
    ]);
  });
});
