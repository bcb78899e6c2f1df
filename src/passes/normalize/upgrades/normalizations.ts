import type { Rewriting, Upgrade } from "./rewriting.js";

/** Normalizations over batches and groups. */
export const normalizations: readonly Upgrade[] = [
  { operators: ["BatchNormalization"], until: 14, rewrite: batchNormalization },
  { operators: ["GroupNormalization"], until: 21, rewrite: groupNormalization },
];

/**
 * Before opset 14 more than one output meant training: Y, mean, var, saved_mean, saved_var. Now an attribute does,
 * and the saved statistics are gone. Before opset 9, `spatial` 0 normalized every element apart from the batch, with
 * parameters [C, D1, ..., Dn]: the same as channels of a flattened input.
 */
function batchNormalization(at: Rewriting): void {
  const [result = "", mean = "", variance = "", ...saved] = at.node.outputs;
  const isTraining = at.node.outputs.slice(1).some((name) => name !== "");
  if (saved.some((name) => name !== "" && at.around.isRead(name))) {
    throw at.refusal("hands out the statistics that it saves for its gradient, which opset 14 took away");
  }
  const attributes = { spatial: undefined, training_mode: isTraining ? 1 : undefined };
  if (at.integer("spatial") !== 0 || at.around.opset >= 9) {
    at.keep(at.node.inputs, attributes, [result, mean, variance]);
    return;
  }
  if (isTraining) throw at.refusal("trains with spatial = 0, which opset 9 took away");
  const flat = at.emit("flat", "Flatten", [at.input(0)], { axis: 1 });
  const line = at.constant("line", [-1]);
  const parameters = ["scale", "bias", "mean", "variance"].map((role, index) =>
    at.emit(role, "Reshape", [at.input(index + 1), line]),
  );
  const flatResult = at.fresh("flat_result");
  at.keep([flat, ...parameters], attributes, [flatResult]);
  at.finish("unflattened", "Reshape", [flatResult, at.emit("shape", "Shape", [at.input(0)])], { allowzero: 1 });
}

/**
 * Opset 21: scale and bias per channel instead of per group, each group's value repeated for its channels. float64 is
 * normalized in float32 then, as the attribute for its precision needs a type that the node alone does not tell.
 */
function groupNormalization(at: Rewriting): void {
  const groups = at.integer("num_groups");
  if (groups === undefined || groups < 1) throw at.missing("num_groups");
  const channels = at.emit("channels", "Shape", [at.input(0)], { start: 1, end: 2 });
  const perGroup = at.emit("channels_per_group", "Div", [channels, at.constant("groups", [groups])]);
  const repeated = at.emit("repeated", "Concat", [at.constant("one", [1]), perGroup], { axis: 0 });
  const column = at.constant("column", [-1, 1]);
  const line = at.constant("line", [-1]);
  const [scale, bias] = ["scale", "bias"].map((role, index) => {
    const perRow = at.emit(`${role}_column`, "Reshape", [at.input(index + 1), column]);
    return at.emit(role, "Reshape", [at.emit(`${role}_repeated`, "Expand", [perRow, repeated]), line]);
  });
  at.keep([at.input(0), scale ?? "", bias ?? ""]);
}
