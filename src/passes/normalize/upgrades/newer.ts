import type { Rewriting, Upgrade } from "./rewriting.js";

/**
 * What opsets 27 and 28 added. All else that has a version there (BitShift, Cast, Celu, Compress, DepthToSpace,
 * DequantizeLinear, Einsum, Mod, OneHot, Optional*, QuantizeLinear, ReduceLogSum*, ReverseSequence, Unique) takes other
 * element types and means the same for those of before.
 */
export const newer: readonly Upgrade[] = [
  { operators: ["CausalConvWithState", "LinearAttention", "SwiGLU"], from: 27, rewrite: refuse },
  // stash_type: whether float16 is counted in float32, which differs in rounding.
  { operators: ["Range"], from: 27, rewrite: (at) => at.keep(at.node.inputs, { stash_type: undefined }) },
  { operators: ["SpaceToDepth"], from: 28, rewrite: spaceToDepth },
];

function refuse(at: Rewriting): void {
  throw at.refusal(`is new in opset ${at.around.opset}, which is not supported`, remedy);
}

/** Opset 28: the order of the channels, DCR as before or CRD. */
function spaceToDepth(at: Rewriting): void {
  if (at.text("mode", "DCR") !== "DCR")
    throw at.refusal("has a mode that came with opset 28, which is not supported", remedy);
  at.keep(at.node.inputs, { mode: undefined });
}

const remedy = "export the model with opset 26 or lower";
