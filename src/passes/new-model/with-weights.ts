import { modelOf } from "../../graph/builder.js";
import { InputError } from "../../graph/errors.js";
import type { Graph, Model } from "../../graph/model.js";
import { elementCount, rawByteLength, tensorFrom } from "../../graph/tensor.js";
import { initialize, type InitializationOptions } from "../initialization/initialize.js";
import { structureOf } from "../structure/structure.js";

/** Of ONNX 1.15 (2023): the first with Gelu and Mish, and every runtime since takes it. */
const OPSET = 20;
const IR_VERSION = 9;

/** A file of 2 GiB less what the graph itself may take. */
const MOST_BYTES = 2 ** 31 - 2 ** 27;

/**
 * A model around a graph whose weights have no values yet, with initial ones.
 * @throws InputError where they would not fit into one file
 */
export function withWeights(graph: Graph, options: InitializationOptions): Model {
  const empty = modelOf(graph, OPSET, IR_VERSION);
  const bytes = graph.initializers.reduce((sum, { dataType, shape }) => sum + rawByteLength(dataType, shape), 0);
  if (bytes > MOST_BYTES) {
    const count = graph.initializers.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    const what = `would have ${count.toLocaleString("en")} weights, more than the 2 GiB of an ONNX file hold`;
    throw new InputError(`new ${graph.name}`, what, "make its layers smaller");
  }
  const values = initialize(structureOf(empty), options);
  const initializers = graph.initializers.map((tensor) => {
    const value = values.get(tensor.name);
    if (value === undefined) return tensor;
    const { buffer, byteOffset, byteLength } = value.data;
    return tensorFrom(tensor.name, tensor.dataType, tensor.shape, new Uint8Array(buffer, byteOffset, byteLength));
  });
  return { ...empty, graph: { ...graph, initializers } };
}
