import type { Rewriting, Upgrade } from "./rewriting.js";

/**
 * Experimental operators that ONNX 1.5 dropped and that older exporters (CoreML, Caffe2) wrote, in their formulas. They
 * never had versions. (ThresholdedRelu became an operator of opset 10 as it was.)
 */
export const experimental: readonly Upgrade[] = [
  { operators: ["Affine"], rewrite: affine },
  { operators: ["ScaledTanh"], rewrite: (at) => scaledFunction(at, "Tanh") },
  { operators: ["ParametricSoftplus"], rewrite: (at) => scaledFunction(at, "Softplus") },
  { operators: ["ImageScaler"], rewrite: imageScaler },
  { operators: ["Scale"], rewrite: scale },
  { operators: ["Crop"], rewrite: crop },
  // As Slice is since opset 10.
  { operators: ["DynamicSlice"], rewrite: (at) => at.put("Slice", at.node.inputs) },
];

/** y = alpha·x + beta */
function affine(at: Rewriting): void {
  const [alpha, beta] = [at.float("alpha", 1), at.float("beta", 0)];
  const x = at.input(0);
  const scaled = at.emit("scaled", "Mul", [x, at.floatsLike(x, "alpha", [alpha])]);
  at.finish("shifted", "Add", [scaled, at.floatsLike(x, "beta", [beta])]);
}

/** y = alpha·f(beta·x) */
function scaledFunction(at: Rewriting, opType: "Tanh" | "Softplus"): void {
  const [alpha, beta] = [at.float("alpha"), at.float("beta")];
  if (alpha === undefined || beta === undefined) throw at.missing(alpha === undefined ? "alpha" : "beta");
  const x = at.input(0);
  const inner = at.emit("inner", "Mul", [x, at.floatsLike(x, "beta", [beta])]);
  at.finish("scaled", "Mul", [at.emit("curve", opType, [inner]), at.floatsLike(x, "alpha", [alpha])]);
}

/** y = scale·x + bias, x [N, C, H, W], a bias for each channel */
function imageScaler(at: Rewriting): void {
  const bias = at.attribute("bias");
  const values = bias?.kind === "floats" ? bias.value : [0];
  const x = at.input(0);
  const scaled = at.emit("scaled", "Mul", [x, at.floatsLike(x, "scale", [at.float("scale", 1)])]);
  at.finish("shifted", "Add", [scaled, at.floatsLike(x, "bias", values, [values.length, 1, 1])]);
}

/** y = scale·x */
function scale(at: Rewriting): void {
  const x = at.input(0);
  at.finish("scaled", "Mul", [x, at.floatsLike(x, "scale", [at.float("scale", 1)])]);
}

/** x [N, C, H, W] without its border [left, top, right, bottom], or its part of size `scale` [H, W] from there */
function crop(at: Rewriting): void {
  const [left = 0, top = 0, right = 0, bottom = 0] = (at.integers("border") ?? []).map(Number);
  const [height, width] = (at.integers("scale") ?? []).map(Number);
  const starts = at.constant("starts", [top, left]);
  const ends = at.constant("ends", [
    height === undefined ? beforeEnd(bottom) : top + height,
    width === undefined ? beforeEnd(right) : left + width,
  ]);
  at.finish("cropped", "Slice", [at.input(0), starts, ends, at.constant("axes", [2, 3])]);
}

function beforeEnd(count: number): number {
  return count === 0 ? Number.MAX_SAFE_INTEGER : -count;
}
