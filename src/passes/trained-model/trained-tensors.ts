import { isFloatingPoint } from "../../graph/data-type.js";
import { firstNames, InputError } from "../../graph/errors.js";
import type { Graph, Model, Node } from "../../graph/model.js";
import { formatShape } from "../../graph/shapes/shape-math.js";
import type { Payload, Tensor } from "../../graph/tensor.js";
import { inlineFunctions } from "../normalize/inline-functions.js";
import type { FileTensor, FileTensors } from "./file-tensors.js";

/** A tensor of a model's file that gets new values. */
export interface TrainedTensor {
  /** As training calls it: with the calls in front of it for a constant of a function. */
  readonly name: string;
  /** As the file has it. */
  readonly tensor: Tensor;
  readonly found: FileTensor;
}

/**
 * The tensors of the file that are called so when functions are inlined: initializers and Constant nodes, those of
 * bodies and functions included.
 * @param wanted shapes by name
 * @throws InputError for a name that no tensor of real numbers and of that shape has, or several, and for one that is
 *   the same tensor in the file as another value (a function that is called several times)
 */
export function trainedTensors(
  model: Model,
  inFile: FileTensors,
  wanted: ReadonlyMap<string, readonly number[]>,
): readonly TrainedTensor[] {
  const tensors = namedTensors(inlineFunctions(model).graph);
  const uses = new Map<Payload, string[]>();
  for (const [name, list] of tensors) {
    for (const { payload } of list) uses.set(payload, [...(uses.get(payload) ?? []), name]);
  }
  return [...wanted].map(([name, dims]) => {
    const where = `${model.label}: "${name}"`;
    const { payload } = tensorOf(tensors.get(name) ?? [], dims, where);
    const others = (uses.get(payload) ?? []).filter((other) => other !== name);
    if (others.length > 0) {
      const what = `is one tensor with ${firstNames(others)} in the file, and cannot have values of its own`;
      throw new InputError(
        where,
        what,
        "the function that holds it is called several times: leave it as it is with --freeze",
      );
    }
    const found = inFile.byPayload.get(payload);
    if (found?.tensor === undefined) {
      throw new InputError(where, "is not in the file that the model was read from", "read the model again");
    }
    return { name, tensor: found.tensor, found };
  });
}

/** The initializers and constants of a graph and its bodies by name, of which several may have one. */
export function namedTensors(graph: Graph): ReadonlyMap<string, readonly Tensor[]> {
  const tensors = new Map<string, Tensor[]>();
  collect(graph, tensors);
  return tensors;
}

/**
 * The tensor of real numbers and of a shape among those of one name.
 * @throws InputError where there is none, or several
 */
export function tensorOf(tensors: readonly Tensor[], dims: readonly number[], where: string): Tensor {
  const [first] = tensors;
  if (first === undefined) throw new InputError(where, "is no initializer or constant of the model");
  const real = tensors.filter(({ dataType }) => isFloatingPoint(dataType));
  const [only, ...more] = real.filter(({ shape }) => formatShape(shape) === formatShape(dims));
  if (only === undefined) {
    const { dataType, shape } = real[0] ?? first;
    const what = `is ${dataType} ${formatShape(shape)} in the model, real numbers ${formatShape(dims)} were given`;
    throw new InputError(where, what);
  }
  if (more.length > 0) {
    throw new InputError(where, "is the name of tensors in different bodies", "give them names of their own");
  }
  return only;
}

function collect({ initializers, nodes }: Graph, into: Map<string, Tensor[]>): void {
  const add = (name: string, tensor: Tensor) => into.set(name, [...(into.get(name) ?? []), tensor]);
  for (const tensor of initializers) add(tensor.name, tensor);
  for (const node of nodes) {
    const value = constantOf(node);
    if (value !== undefined) add(node.outputs[0] ?? "", value);
    for (const attribute of node.attributes.values()) if (attribute.kind === "graph") collect(attribute.value, into);
  }
}

/** The tensor that a Constant node holds. */
export function constantOf({ domain, opType, attributes }: Node): Tensor | undefined {
  const value = domain === "" && opType === "Constant" ? attributes.get("value") : undefined;
  return value?.kind === "tensor" ? value.value : undefined;
}
