import { InputError } from "../../graph/errors.js";
import type { Graph, Model } from "../../graph/model.js";
import { formatShape } from "../../graph/shapes/shape-math.js";
import { readFloats, type Tensor } from "../../graph/tensor.js";
import { inlineFunctions } from "../normalize/inline-functions.js";
import type { ContractArtifact, ContractTensor } from "./contract.js";

/** A tensor's values with its type and shape, as `new ort.Tensor(type, data, dims)` takes them. */
export interface InitialTensor {
  readonly type: "float32" | "float64";
  readonly data: Float32Array | Float64Array;
  readonly dims: readonly number[];
}

/**
 * What training starts from: the values that the model has for the parameters and running statistics of an artifact, by
 * the names of its inputs.
 * @throws InputError for a contract of another model
 */
export function initialState(model: Model, artifact: ContractArtifact): Readonly<Record<string, InitialTensor>> {
  const tensors = new Map<string, Tensor>();
  collect(inlineFunctions(model).graph, tensors);
  return Object.fromEntries(
    artifact.inputs.flatMap(({ name, of, dtype, shape }) => {
      if (of === undefined) return [];
      const tensor = tensors.get(of);
      if (tensor === undefined || !isSameShape(tensor.shape, shape)) {
        const ofShape = shape === null ? "" : ` of the shape ${formatShape(shape)}`;
        throw new InputError(model.label, `has no "${of}"${ofShape}`, "is the contract another model's?");
      }
      const type = dtype === "float64" ? "float64" : "float32";
      return [[name, { type, data: readFloats(tensor, type), dims: tensor.shape }]];
    }),
  );
}

function isSameShape(actual: readonly number[], wanted: ContractTensor["shape"]): boolean {
  if (wanted === null) return true;
  return actual.length === wanted.length && actual.every((extent, axis) => extent === wanted[axis]);
}

/** Initializers and constants by name, those of bodies included. */
function collect({ initializers, nodes }: Graph, tensors: Map<string, Tensor>): void {
  for (const tensor of initializers) tensors.set(tensor.name, tensor);
  for (const node of nodes) {
    const value = node.opType === "Constant" ? node.attributes.get("value") : undefined;
    if (value?.kind === "tensor") tensors.set(node.outputs[0] ?? "", value.value);
    for (const attribute of node.attributes.values()) if (attribute.kind === "graph") collect(attribute.value, tensors);
  }
}
