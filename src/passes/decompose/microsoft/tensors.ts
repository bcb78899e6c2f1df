import type { Value } from "../../../graph/emitter.js";
import { dataTypeCode } from "../../../graph/data-type.js";
import { InputError } from "../../../graph/errors.js";
import { inverse } from "../../../graph/matrix-inverse.js";
import { type Attribute, describeNode, integerAttribute, type Node, stringAttribute } from "../../../graph/model.js";
import type { Operators } from "../../../graph/operators.js";
import { decomposition, type Decompositions } from "../decomposition.js";

/** What ONNX Runtime, domain com.microsoft, has for tensors in general. */
export const microsoftTensors: Decompositions = {
  "com.microsoft.Trilu": decomposition(1, ({ ops, node, inputs }) => ops("Trilu", inputs, 1, node.attributes)),
  "com.microsoft.GatherND": decomposition(2, ({ ops, inputs }) => ops("GatherND", inputs, 1)),
  "com.microsoft.Range": decomposition(2, ({ g, inputs: [start, limit, step] }) => {
    const scalar = (x: Value) => g.reshape(x, []);
    return [
      g.op("Range", [scalar(start), scalar(limit), step === undefined ? g.scalar(1, start.dataType) : scalar(step)]),
    ];
  }),
  "com.microsoft.ExpandDims": decomposition(2, ({ op, g, inputs: [x, axis] }) => [
    op("Unsqueeze", [x, g.reshape(g.cast(axis, "int64"), [1])]),
  ]),
  "com.microsoft.Pad": decomposition(2, ({ op, g, node, inputs: [x, pads, value] }) => [
    op("Pad", [x, g.reshape(pads, g.integers([-1])), value && g.reshape(value, [])], node.attributes),
  ]),
  "com.microsoft.TorchEmbedding": decomposition(2, ({ op, inputs: [table, indices] }) => [
    op("Gather", [table, indices]),
  ]),
  "com.microsoft.DequantizeLinear": decomposition(2, ({ ops, node, inputs }) =>
    ops("DequantizeLinear", inputs, 1, node.attributes),
  ),
  "com.microsoft.QuantizeLinear": decomposition(2, ({ ops, node, inputs }) =>
    ops("QuantizeLinear", inputs, 1, node.attributes),
  ),

  "com.microsoft.GridSample": decomposition(2, ({ ops, node, inputs }) => {
    const mode = stringAttribute(node, "mode") ?? "bilinear";
    const modes: ReadonlyMap<string, string> = new Map([
      ["bilinear", "linear"],
      ["bicubic", "cubic"],
    ]);
    const others = [...node.attributes].filter(([name]) => name !== "mode");
    const named: Attribute = { kind: "string", value: Buffer.from(modes.get(mode) ?? mode) };
    return ops("GridSample", inputs, 1, new Map([...others, ["mode", named] as const]));
  }),

  /** C_ij is the distance of row i of A from row j of B, or its square. */
  "com.microsoft.CDist": decomposition(2, ({ op, g, node, inputs: [a, b] }) => {
    const metric = stringAttribute(node, "metric") ?? "sqeuclidean";
    const reductions: ReadonlyMap<string, string> = new Map([
      ["sqeuclidean", "ReduceSumSquare"],
      ["euclidean", "ReduceL2"],
      ["cityblock", "ReduceL1"],
    ]);
    const reduction = reductions.get(metric);
    if (reduction === undefined)
      throw new InputError(describeNode(node), `has the metric "${metric}", which is not supported`);
    const differences = g.sub(g.unsqueeze(a, [1]), g.unsqueeze(b, [0]));
    return [op(reduction, [differences, g.integers([2])], { keepdims: 0 })];
  }),

  /** C = A·B of complex numbers, whose parts are along the last axis. */
  "com.microsoft.ComplexMul": decomposition(2, ({ g, inputs: [a, b] }) => [complexProduct(g, a, b)]),
  /** C = A·conj(B). */
  "com.microsoft.ComplexMulConj": decomposition(2, ({ g, inputs: [a, b] }) => [
    complexProduct(g, a, g.mul(b, g.tensor(b.dataType, [2], [1, -1]))),
  ]),

  "com.microsoft.IsAllFinite": decomposition(1, ({ g, node, inputs }) => {
    const asks = (attribute: string) => integerAttribute(node, attribute, 0) !== 0;
    const tests = [...(asks("isinf_only") ? [] : ["IsNaN"]), ...(asks("isnan_only") ? [] : ["IsInf"])];
    const found = inputs.flatMap((input) =>
      input === undefined
        ? []
        : tests.map((test) => g.reduceMax(g.cast(g.op(test, [input]), "float32"), undefined, false)),
    );
    return [
      g.not(
        g.greater(
          found.reduce((most, each) => g.max(most, each)),
          0,
        ),
      ),
    ];
  }),

  /**
   * Y = X⁻¹. With an inverse Z that counts as constant, 2Z − Z·X·Z has the gradient of X⁻¹, and is nearer to it than Z.
   */
  "com.microsoft.Inverse": decomposition(1, ({ g, inputs: [x] }) => {
    const z = withoutGradient(g, inverse(g, withoutGradient(g, x)));
    return [g.sub(g.mul(z, 2), g.matMul(z, g.matMul(x, z)))];
  }),

  /** The Fourier transform of real numbers along the last axis, parts of the results along a new one. */
  "com.microsoft.Rfft": decomposition(1, ({ op, g, node, inputs: [x] }) => {
    requireLine(node);
    const axis = g.scalar(-2, "int64");
    return [op("DFT", [g.unsqueeze(x, [-1]), undefined, axis], { onesided: 1 })];
  }),
};

/** (a + bi)·(c + di) = (ac − bd) + (ad + bc)i. */
function complexProduct(g: Operators, x: Value, y: Value): Value {
  const parts = (z: Value) => g.ops("Split", [z], 2, { axis: -1, num_outputs: 2 });
  const [[a, b], [c, d]] = [parts(x), parts(y)];
  return g.concat([g.sub(g.mul(a, c), g.mul(b, d)), g.add(g.mul(a, d), g.mul(b, c))], -1);
}

/** The same numbers, of which the gradient knows nothing: integers do not have one. */
function withoutGradient(g: Operators, x: Value): Value {
  const isWide = x.dataType === "float64";
  const bits = g.op("BitCast", [x], { to: dataTypeCode(isWide ? "int64" : "int32") });
  return g.op("BitCast", [bits], { to: dataTypeCode(x.dataType) });
}

function requireLine(node: Node): void {
  if (integerAttribute(node, "signal_ndim", 1) !== 1) {
    throw new InputError(describeNode(node), "transforms several axes, which is not supported in training");
  }
}
