import type { Rewriting, Upgrade } from "./rewriting.js";

/** Operators that select and arrange: what they said in attributes came to be said in inputs. */
export const shaping: readonly Upgrade[] = [
  { operators: ["Squeeze"], until: 13, rewrite: axesAsInput },
  { operators: ["Unsqueeze"], until: 13, rewrite: unsqueeze },
  { operators: ["Slice"], until: 10, rewrite: slice },
  { operators: ["Split"], until: 18, rewrite: split },
  { operators: ["Pad"], until: 11, rewrite: pad },
  { operators: ["TopK"], until: 10, rewrite: topK },
  // The same operator by another name.
  { operators: ["Scatter"], until: 11, rewrite: (at) => at.put("ScatterElements", at.node.inputs) },
];

/** Opset 13, reductions 18: attribute axes -> second input. None: all, as before. */
export function axesAsInput(at: Rewriting): void {
  at.keep([at.input(0), at.movedIntegers("axes")], { axes: undefined });
}

function unsqueeze(at: Rewriting): void {
  at.keep([at.input(0), at.requiredIntegers("axes")], { axes: undefined });
}

/** Opset 10: attributes starts, ends, axes -> inputs. */
function slice(at: Rewriting): void {
  at.keep([at.input(0), at.requiredIntegers("starts"), at.requiredIntegers("ends"), at.movedIntegers("axes")], {
    starts: undefined,
    ends: undefined,
    axes: undefined,
  });
}

/** Opset 13: attribute split -> second input. Opset 18: equal parts must be counted. */
function split(at: Rewriting): void {
  const lengths = at.around.opset < 13 ? at.movedIntegers("split") : at.input(1);
  at.keep([at.input(0), lengths], {
    split: undefined,
    num_outputs: lengths === "" ? at.node.outputs.length : undefined,
  });
}

/** Opset 11: attributes pads and value -> inputs, the value with the type of the data. */
function pad(at: Rewriting): void {
  const value = at.float("value", 0);
  at.keep([at.input(0), at.requiredIntegers("pads"), value === 0 ? "" : at.floatsLike(at.input(0), "value", [value])], {
    pads: undefined,
    value: undefined,
  });
}

/** Opset 10: attribute k -> second input. */
function topK(at: Rewriting): void {
  const count = at.emit("k_shaped", "Reshape", [at.movedInteger("k"), at.constant("k_shape", [1])]);
  at.keep([at.input(0), count], { k: undefined });
}
