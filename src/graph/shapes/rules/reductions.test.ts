import { describe, expect, it } from "vitest";
import { refusal } from "../../testing/input-error.js";
import { floats, integers, type PlainTensor } from "../../testing/run-model.js";
import { tensorFacts } from "../facts.js";
import { inferOutputs } from "../infer.js";
import { expectElementsAgree } from "../testing/element-agreement.js";
import { expectRuntimeAgrees, inferredTypes, nodeOf, zeros } from "../testing/runtime-agreement.js";

const reductions =
  "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare".split(
    " ",
  );

describe("reductions against ONNX Runtime", () => {
  it.each(reductions)("%s", async (opType) => {
    const x = zeros(2, 3, 4);
    await expectRuntimeAgrees(opType, [x]);
    await expectRuntimeAgrees(opType, [x], { keepdims: 0 });
    await expectRuntimeAgrees(opType, [x, integers([])], { noop_with_empty_axes: 1 });
    await expectRuntimeAgrees(opType, [x, integers([-1, 0])], {}, 1, { constants: [1] });
    await expectRuntimeAgrees(opType, [x, integers([1])], { keepdims: 0 }, 1, { constants: [1] });
    await expectRuntimeAgrees(opType, [zeros()]);
  });

  it.each(["ArgMax", "ArgMin"])("%s", async (opType) => {
    await expectRuntimeAgrees(opType, [zeros(2, 3)]);
    await expectRuntimeAgrees(opType, [zeros(2, 3)], { axis: -1, keepdims: 0 });
  });

  it("along an axis", async () => {
    for (const opType of ["Softmax", "LogSoftmax", "Hardmax"])
      await expectRuntimeAgrees(opType, [zeros(2, 3)], { axis: 0 });
    await expectRuntimeAgrees("CumSum", [zeros(2, 3), integers([1], [])]);
  });
});

describe("elements against ONNX Runtime", () => {
  const x = integers([1, 2, 3, 4, 5, 6], [2, 3]);

  it.each(["ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin"])("%s", async (opType) => {
    for (const axes of [[0], [1], [0, 1], [-1]]) {
      const inputs: readonly PlainTensor[] = [x, integers(axes)];
      await expectElementsAgree(opType, inputs, {}, 1, { constants: [1] });
      await expectElementsAgree(opType, inputs, { keepdims: 0 }, 1, { constants: [1] });
    }
    await expectElementsAgree(opType, [floats([2, 4, 3])]);
  });

  it("CumSum", async () => {
    for (const attributes of [{}, { exclusive: 1 }, { reverse: 1 }, { exclusive: 1, reverse: 1 }]) {
      for (const axis of [0, 1, -1]) await expectElementsAgree("CumSum", [x, integers([axis], [])], attributes);
    }
  });
});

it("reduces symbolic elements", () => {
  const extents = tensorFacts("int64", [3], ["batch", 8, "h"]);
  const reduce = (opType: string) => inferOutputs(nodeOf(opType, 1, { keepdims: 0 }), [extents])[0];
  expect(reduce("ReduceProd")).toEqual(tensorFacts("int64", [], ["8*batch*h"]));
  expect(reduce("ReduceSum")).toEqual(tensorFacts("int64", [], ["batch + h + 8"]));
  expect(reduce("ReduceMax")).toEqual(tensorFacts("int64", [], ["max(8, max(batch, h))"]));
  const cumulated = inferOutputs(nodeOf("CumProd", 2), [extents, tensorFacts("int64", [], [0])])[0];
  expect(cumulated?.elements).toEqual(["batch", "8*batch", "8*batch*h"]);
});

it("leaves open what unknown axes leave open", () => {
  const x = tensorFacts("float32", ["batch", 1, 3]);
  const axes = (...shape: readonly (string | number)[]) => tensorFacts("int64", shape);
  expect(inferredTypes("ReduceSum", [x, axes(1)])).toEqual(["float32[o0_dim0, 1, o0_dim2]"]);
  expect(inferredTypes("ReduceSum", [x, axes(2)], { keepdims: 0 })).toEqual(["float32[o0_dim0]"]);
  expect(inferredTypes("ReduceSum", [x, axes("n")], { keepdims: 0 })).toEqual(["float32"]);
  expect(inferredTypes("ReduceMean", [tensorFacts("float32", undefined)], { keepdims: 0 })).toEqual(["float32[]"]);
  expect(inferredTypes("ReduceMean", [tensorFacts("float32", undefined)])).toEqual(["float32"]);
});

it("refuses axes that are not there", () => {
  const x = tensorFacts("float32", ["batch", 3]);
  expect(refusal(() => inferredTypes("Softmax", [x], { axis: 2 }))).toBe(
    'Softmax "o0": has axis 2, its input has rank 2',
  );
  expect(refusal(() => inferredTypes("ReduceSum", [x, tensorFacts("int64", [1], [-3])]))).toBe(
    'ReduceSum "o0": has axis -3, its input has rank 2',
  );
});
