import fc from "fast-check";
import type { AttributeInputs } from "../../../../graph/builder.js";
import { numbersBetween, operand, tensorApart } from "../arbitraries.js";
import type { OperandCase, OperatorCase } from "../operator-case.js";

const anyNumber = numbersBetween(-1, 1);

const real = (...shape: number[]) => operand(shape, anyNumber);
/** Products of these are positive: activations have a kink at 0. */
const positive = (...shape: number[]) => operand(shape, numbersBetween(0.3, 1.5));
const apart = (...shape: number[]) => tensorApart(shape);
const none = fc.constant(null);

function constant(dataType: OperandCase["dataType"], shape: readonly number[], values: readonly number[]) {
  return fc.constant<OperandCase>({ role: "constant", dataType, shape, values });
}

/** An operator that is measured as it is decomposed: that the runtime's kernels compute the same is another test. */
function of(
  op: string,
  inputs: readonly fc.Arbitrary<OperandCase | null>[],
  attributes: fc.Arbitrary<AttributeInputs> = fc.constant({}),
  outputs = 1,
): fc.Arbitrary<OperatorCase> {
  return fc.tuple(attributes, fc.tuple(...inputs)).map(([chosen, operands]) => ({
    op,
    domain: "com.microsoft",
    attributes: chosen,
    inputs: operands,
    outputs,
    isWithoutKernel: true,
  }));
}

const one = (attributes: AttributeInputs) => fc.constant(attributes);
const activation = fc.constantFrom<AttributeInputs>(
  { activation: "Tanh" },
  { activation: "Sigmoid" },
  { activation: "Elu", activation_alpha: { float: 0.5 } },
);
const image = apart(1, 2, 3, 3);
const kernel = real(2, 2, 2, 2);
const heads = { num_heads: 2 };
const perKey = constant("int32", [1, 3], [1, 0, 1]);
const groups = { num_heads: 2, kv_num_heads: 1 };
const lengths = [constant("int32", [1], [2]), constant("int32", [1], [3])];
const bytes = constant("uint8", [2, 1, 8], [18, 52, 86, 120, 154, 188, 222, 240, 1, 2, 3, 4, 5, 6, 7, 8]);

const cases: Readonly<Record<string, fc.Arbitrary<OperatorCase>>> = {
  Gelu: of("Gelu", [real(2, 3)]),
  FastGelu: of("FastGelu", [real(2, 3), real(3)]),
  GemmFastGelu: of("GemmFastGelu", [real(2, 3), real(3, 2), real(2)]),
  QuickGelu: of("QuickGelu", [real(2, 3)]),
  BiasGelu: of("BiasGelu", [real(2, 3), real(3)]),
  BiasSplitGelu: of("BiasSplitGelu", [real(1, 2, 4), real(4)]),
  BiasSoftmax: of(
    "BiasSoftmax",
    [real(2, 2, 3), real(2, 1, 3)],
    fc.constantFrom({ axis: 2, is_inner_broadcast: 1 }, { axis: 1, is_inner_broadcast: 1 }),
  ),
  BiasDropout: of("BiasDropout", [real(2, 3), real(3), real(2, 3)]),
  BiasAdd: of("BiasAdd", [real(1, 2, 3), real(3), real(1, 2, 3)]),
  LayerNormalization: of("LayerNormalization", [apart(2, 4), real(4), real(4)]),
  SimplifiedLayerNormalization: of("SimplifiedLayerNormalization", [apart(2, 4), real(4)]),
  SkipLayerNormalization: of("SkipLayerNormalization", [apart(1, 2, 4), real(2, 4), real(4), real(4), real(4)]),
  SkipSimplifiedLayerNormalization: of("SkipSimplifiedLayerNormalization", [
    apart(1, 2, 4),
    real(1, 2, 4),
    real(4),
    real(4),
  ]),
  EmbedLayerNormalization: of("EmbedLayerNormalization", [
    constant("int32", [2, 2], [0, 2, 2, 1]),
    constant("int32", [2, 2], [0, 1, 1, 1]),
    apart(3, 4),
    real(3, 4),
    real(2, 4),
    real(4),
    real(4),
  ]),
  GroupNorm: of("GroupNorm", [apart(1, 3, 1, 4), real(4), real(4)], one({ groups: 2, activation: 1 })),
  SkipGroupNorm: of(
    "SkipGroupNorm",
    [apart(1, 3, 1, 4), real(4), real(4), real(1, 4), real(4)],
    one({ groups: 2, activation: 0 }),
    2,
  ),
  FusedMatMul: of(
    "FusedMatMul",
    [real(2, 2, 2), real(2, 2, 2)],
    fc.record({ transA: fc.nat(1), transB: fc.nat(1), transBatchA: fc.nat(1), transBatchB: fc.nat(1) }),
  ),
  TransposeMatMul: of("TransposeMatMul", [real(2, 3), real(2, 3)], one({ transB: 1, alpha: { float: 0.5 } })),
  FusedMatMulActivation: of("FusedMatMulActivation", [positive(2, 3), positive(3, 2)], activation),
  FusedGemm: of("FusedGemm", [positive(2, 3), positive(3, 2), positive(2)], activation),
  FusedConv: of("FusedConv", [image, kernel, real(2), real(1, 2, 2, 2)], one({ activation: "Tanh" })),
  NhwcConv: of("NhwcConv", [apart(1, 3, 3, 2), kernel, real(2)], one({ pads: [1, 0, 0, 1] })),
  NhwcFusedConv: of(
    "NhwcFusedConv",
    [apart(1, 3, 3, 2), kernel, real(2), real(1, 2, 2, 2)],
    one({ activation: "Tanh" }),
  ),
  MatMulNBits: of("MatMulNBits", [real(2, 16), bytes, real(2, 1)], one({ N: 2, K: 16, block_size: 16 })),
  Attention: of(
    "Attention",
    [real(1, 3, 2), real(2, 12), real(12), perKey],
    fc.constantFrom<AttributeInputs>(heads, { ...heads, unidirectional: 1 }),
  ),
  MultiHeadAttention: of(
    "MultiHeadAttention",
    [real(1, 2, 4), real(1, 3, 4), real(1, 3, 4), real(12), perKey, real(1, 2, 2, 3)],
    one(heads),
  ),
  GroupQueryAttention: of(
    "GroupQueryAttention",
    [real(1, 3, 8), real(1, 3, 4), real(1, 3, 4), none, none, ...lengths, real(4, 2), real(4, 2)],
    fc.constantFrom<AttributeInputs>(
      { ...groups, do_rotary: 1 },
      { ...groups, smooth_softmax: 1, softcap: { float: 2 } },
    ),
    3,
  ),
  RotaryEmbedding: of(
    "RotaryEmbedding",
    [real(1, 2, 8), constant("int64", [1, 2], [1, 3]), real(4, 2), real(4, 2)],
    fc.constantFrom({ interleaved: 0 }, { interleaved: 1 }),
  ),
  Trilu: of("Trilu", [real(3, 3)], one({ upper: 0 })),
  GatherND: of("GatherND", [real(2, 2), constant("int64", [2, 1], [1, 1])]),
  Range: of("Range", [constant("int64", [], [0]), constant("int64", [], [3])]),
  ExpandDims: of("ExpandDims", [real(2, 3), constant("int32", [], [1])]),
  Pad: of("Pad", [real(2, 3), constant("int64", [4], [0, 1, 1, 0]), real()]),
  TorchEmbedding: of("TorchEmbedding", [real(3, 2), constant("int64", [2], [2, 2])]),
  DequantizeLinear: of("DequantizeLinear", [
    constant("uint8", [2, 2], [1, 2, 3, 4]),
    operand([], numbersBetween(0.1, 1)),
  ]),
  QuantizeLinear: of("QuantizeLinear", [constant("float", [2], [0.3, 0.7]), constant("float", [], [0.1])]),
  GridSample: of("GridSample", [apart(1, 1, 3, 3), operand([1, 1, 2, 2], numbersBetween(0.05, 0.6))]),
  CDist: of("CDist", [apart(2, 3), real(2, 3)], fc.constantFrom({ metric: "sqeuclidean" }, { metric: "euclidean" })),
  ComplexMul: of("ComplexMul", [real(2, 2), real(2)]),
  ComplexMulConj: of("ComplexMulConj", [real(2, 2), real(2, 2)]),
  IsAllFinite: of("IsAllFinite", [real(2)]),
  Inverse: of("Inverse", [
    real(2, 3, 3).map((x) => ({
      ...x,
      values: x.values.map((value, index) => value + ((index % 9) % 4 === 0 ? 3 : 0)),
    })),
  ]),
  Rfft: of("Rfft", [real(2, 6)]),
};

/** Applications of ONNX Runtime's operators, by domain and operator. */
export const microsoftCases: Readonly<Record<string, fc.Arbitrary<OperatorCase>>> = Object.fromEntries(
  Object.entries(cases).map(([operator, arbitrary]) => [`com.microsoft.${operator}`, arbitrary]),
);
