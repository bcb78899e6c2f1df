import { integerAttribute } from "../../graph/model.js";
import { elementCount } from "../../graph/tensor.js";
import type { Parameter } from "../structure/layers.js";
import { beforeReshaping } from "./sources.js";

/** An LSTM's bias is the input and the recurrent one of four gates: input, output, forget, cell (ONNX LSTM 1). */
const BLOCKS = 8;
const FORGET = 2;

/**
 * Puts `bias` into the forget gate of an LSTM's bias [directions, 8·hidden], which Jozefowicz et al. (ICML 2015) found
 * to matter. A bias whose gates the model puts in order itself, and any other parameter, stays as it is.
 */
export function fillForgetGate(values: Float32Array | Float64Array, parameter: Parameter, bias: number): void {
  const { operation, input, tensor } = parameter;
  const { node, inputs } = operation;
  if (node.opType !== "LSTM" || node.domain !== "" || input !== 3) return;
  const hidden = integerAttribute(node, "hidden_size", 0);
  const elements = elementCount(tensor.shape);
  if (beforeReshaping(inputs[input])?.name !== tensor.name || hidden < 1 || elements % (BLOCKS * hidden) !== 0) return;
  for (let start = 0; start < elements; start += BLOCKS * hidden) {
    values.fill(bias, start + FORGET * hidden, start + (FORGET + 1) * hidden);
  }
}
