import { InputError } from "../../graph/errors.js";
import type { Graph, Model } from "../../graph/model.js";
import { formatShape } from "../../graph/shapes/shape-math.js";
import { elementCount, readFloats, type Tensor } from "../../graph/tensor.js";
import { inlineFunctions } from "../normalize/inline-functions.js";
import type { Contract, ContractArtifact, ContractTensor, PackMember } from "./contract.js";

/** A tensor's values with its type and shape, as `new ort.Tensor(type, data, dims)` takes them. */
export type InitialTensor =
  | { readonly type: "float32"; readonly data: Float32Array; readonly dims: readonly number[] }
  | { readonly type: "float64"; readonly data: Float64Array; readonly dims: readonly number[] };

/**
 * What training starts from, by the names of an artifact's inputs: the values that the model has for parameters and
 * running statistics, moments of 0, averages that are the parameters, and the scales of the contract.
 * @param contract the artifact's; without it there are no scales, and nothing may be packed
 * @throws InputError for a contract of another model
 */
export function initialState(
  model: Model,
  artifact: ContractArtifact,
  contract: Partial<Pick<Contract, "parameters" | "packs">> = {},
): Readonly<Record<string, InitialTensor>> {
  const stateOf = initialStateOf(model, contract);
  return Object.fromEntries(
    artifact.inputs.flatMap((input) => {
      const state = stateOf(input);
      return state === undefined ? [] : [[input.name, state]];
    }),
  );
}

/** {@link initialState}, one tensor when it is asked for: together, those of a large model may fill the memory. */
export function initialStateOf(
  model: Model,
  { parameters = [], packs = [] }: Partial<Pick<Contract, "parameters" | "packs">> = {},
): (input: ContractTensor) => InitialTensor | undefined {
  const tensors = new Map<string, Tensor>();
  collect(inlineFunctions(model).graph, tensors);
  const scales = new Map(parameters.map(({ name, scale }) => [name, scale]));
  const membersOf = new Map(packs.map(({ name, members }) => [name, members]));

  const valuesOf = (name: string, shape: ContractTensor["shape"], type: InitialTensor["type"]) => {
    const tensor = tensors.get(name);
    if (tensor === undefined || !isSameShape(tensor.shape, shape)) {
      const ofShape = shape === null ? "" : ` of the shape ${formatShape(shape)}`;
      throw new InputError(model.label, `has no "${name}"${ofShape}`, "is the contract another model's?");
    }
    return floatsOf(tensor, type);
  };
  return ({ role, of = "", dtype, shape }) => {
    const type = dtype === "float64" ? dtype : "float32";
    const members = role === "buffer" ? undefined : membersOf.get(of);
    switch (role) {
      case "parameter":
      case "average":
      case "buffer":
        if (members === undefined) return valuesOf(of, shape, type);
        return joined(type, members, (member) => valuesOf(member.name, member.shape, type));
      case "moment1":
      case "moment2":
      case "moment2max":
        return filled(type, (shape ?? []).map(Number), 0);
      case "scale": {
        if (members !== undefined) {
          return joined(type, members, (member) => filled(type, member.shape, scales.get(member.name) ?? 1));
        }
        const scale = scales.get(of);
        return scale === undefined ? undefined : filled(type, [], scale);
      }
      default:
        return undefined;
    }
  };
}

/** The members of a pack, one after another. */
function joined(
  type: InitialTensor["type"],
  members: readonly PackMember[],
  valuesOf: (member: PackMember) => InitialTensor,
): InitialTensor {
  const size = members.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const tensor = filled(type, [size], 0);
  for (const member of members) tensor.data.set(valuesOf(member).data, member.offset);
  return tensor;
}

function filled(type: InitialTensor["type"], dims: readonly number[], value: number): InitialTensor {
  const size = elementCount(dims);
  if (type === "float64") return { type, data: new Float64Array(size).fill(value), dims };
  return { type, data: new Float32Array(size).fill(value), dims };
}

function floatsOf(tensor: Tensor, type: InitialTensor["type"]): InitialTensor {
  const { shape: dims } = tensor;
  return type === "float64"
    ? { type, data: readFloats(tensor, type), dims }
    : { type, data: readFloats(tensor, type), dims };
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
