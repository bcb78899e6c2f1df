import type { Rewriting, Upgrade } from "./rewriting.js";

/** Clip, the softmax family and Dropout. */
export const activations: readonly Upgrade[] = [
  { operators: ["Clip"], until: 11, rewrite: clip },
  { operators: ["Softmax", "LogSoftmax", "Hardmax"], until: 13, rewrite: softmax },
  { operators: ["Dropout"], until: 12, rewrite: dropout },
];

/** Opset 11: attributes min and max -> inputs of the data's type. Absent ones are the type's extremes, as before. */
function clip(at: Rewriting): void {
  const [low, high] = ["min", "max"].map((bound) => {
    const value = at.float(bound);
    return value === undefined ? "" : at.floatsLike(at.input(0), bound, [value]);
  });
  at.keep([at.input(0), low ?? "", high ?? ""], { min: undefined, max: undefined });
}

/**
 * Before opset 13 the axes from `axis` (default 1) on counted as one: [d0·...·d(axis-1), d(axis)·...] and back. Now
 * `axis` is the only one that counts, and the default is -1.
 */
function softmax(at: Rewriting): void {
  const axis = at.node.attributes.get("axis") ?? { kind: "int", value: 1n };
  if (axis.kind === "int" && axis.value === -1n) {
    at.keep(at.node.inputs);
    return;
  }
  const flat = at.emit("flat", "Flatten", [at.input(0)], { axis });
  const result = at.fresh("flat_result");
  at.keep([flat], { axis: -1 }, [result]);
  at.finish("unflattened", "Reshape", [result, at.emit("shape", "Shape", [at.input(0)])], { allowzero: 1 });
}

/**
 * Opset 12: attribute ratio -> input, and training is asked for by an input. Older files do not say what they are
 * for: they are taken as made for inference, where Dropout is the identity. A mask that something reads was of the
 * data's type until opset 10, and undefined outside training; now it is all true.
 */
function dropout(at: Rewriting): void {
  const [result = "", mask = ""] = at.node.outputs;
  const inputs = [at.input(0), at.floats("ratio", [at.float("ratio", 0.5)], [])];
  if (mask === "" || !at.around.isRead(mask)) {
    at.keep(inputs, { ratio: undefined }, [result]);
  } else if (at.around.opset >= 10) {
    at.keep(inputs, { ratio: undefined });
  } else {
    const isKept = at.fresh("is_kept");
    at.keep(inputs, { ratio: undefined }, [result, isKept]);
    at.finish("mask", "CastLike", [isKept, at.input(0)], {}, mask);
  }
}
