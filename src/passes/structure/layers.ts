import type { Dataflow, Operation, Value } from "../../graph/dataflow.js";
import { isFloatingPoint } from "../../graph/data-type.js";
import { type Node, stringAttribute } from "../../graph/model.js";
import { elementCount, type Tensor } from "../../graph/tensor.js";
import { UniqueNames } from "../../graph/unique-names.js";
import { constantTensor } from "./constants.js";
import { firstMeetings } from "./first-meetings.js";
import { type GradientReach, isDifferentiable } from "./gradient-reach.js";
import { type Fans, kernelOperator, type ParameterRole } from "./kernel-operators.js";
import { bufferInputs, normalizationOperator, normalizedInput, type NormalizationOperator } from "./normalization.js";
import { isRearrangement, WeightViews } from "./weight-view.js";

/** A parameter in its layer. */
export interface Parameter {
  readonly tensor: Tensor;
  readonly role: ParameterRole;
  /** The operation that applies it. */
  readonly operation: Operation;
  /** The input of that operation through which it comes. */
  readonly input: number;
  readonly fanIn: number;
  readonly fanOut: number;
  /** Operator inputs that it feeds, looking through rearrangements. */
  readonly uses: number;
}

/** A kernel's operator with the parameters that shift or scale its output; or a parameter that has no such operator. */
export interface Layer {
  readonly name: string;
  readonly op: string;
  /** Kernel layers before it on the longest path from a graph input. */
  readonly depth: number;
  /** The product of its (largest) kernel's dimensions; undefined for a kernel-less layer. */
  readonly connections: number | undefined;
  /** Kernels first, then in the order of the operations that apply them. */
  readonly parameters: readonly Parameter[];
}

/** Whether a parameter is a kernel, and not one that shifts or scales. */
export function isKernel({ role }: Parameter): boolean {
  return role === "kernel" || role === "recurrent" || role === "embedding";
}

/**
 * Connections of each kernel that an operation applies. Parameters that come through one input are one kernel, as those
 * of the two directions of an LSTM are, which some exporters store apart.
 */
export function kernelConnections(parameters: readonly Pick<Parameter, "tensor" | "input">[]): readonly number[] {
  const byInput = new Map<number, number>();
  for (const { tensor, input } of parameters) {
    byInput.set(input, (byInput.get(input) ?? 0) + elementCount(tensor.shape));
  }
  return [...byInput.values()];
}

/** Whether a layer is one of ONNX's recurrent operators with its weights. */
export function isRecurrent({ op, connections }: Layer): boolean {
  return connections !== undefined && (op === "LSTM" || op === "GRU" || op === "RNN");
}

/**
 * How the model uses a float constant: as a kernel, as a slope or a kernel layer's bias, to scale or shift what was
 * normalized, as running statistics, or otherwise.
 */
export type ConstantUse = "kernel" | "bias" | "normalization" | "buffer" | "other";

/** Says which float constants are parameters. */
export type IsTrainable = (tensor: Tensor, use: ConstantUse) => boolean;

/** The layers of a model. */
export interface FoundLayers {
  /** In the order of their first use. */
  readonly layers: readonly Layer[];
  /** The greatest depth of a layer, plus 1; 0 without layers. A layer that only uses a tied kernel again counts, too. */
  readonly totalDepth: number;
  /** Operations whose weight is computed from parameters, as by a weight normalization: they are no kernel layers. */
  readonly withComputedWeight: readonly Operation[];
}

/** Finds the layers of a model, with the parameters that `isTrainable` says there are. */
export function findLayers(dataflow: Dataflow, reach: GradientReach, isTrainable: IsTrainable): FoundLayers {
  return new LayerFinder(dataflow, reach, isTrainable).find();
}

/** An operation as the finder comes by it. */
interface Visit {
  readonly operation: Operation;
  /** Its place in the dataflow. */
  readonly order: number;
  /** Kernel layers before it. */
  readonly depth: number;
}

interface OpenLayer {
  readonly name: string;
  readonly operation: Operation;
  readonly depth: number;
  readonly connections: number | undefined;
  /** Output units, where a parameter that shifts or scales them must have one element each. */
  readonly units: number | undefined;
  /** Whether its kernel is written as a Constant node: then its other parameters may be, too. */
  readonly isOfConstants: boolean;
  readonly order: number;
  readonly parameters: OpenParameter[];
}

/** Its uses can be counted once all operations have been visited. */
type OpenParameter = Omit<Parameter, "uses"> & { readonly source: Value };

const quantizedTypes: ReadonlySet<string> = new Set(
  "int8 uint8 int4 uint4 int2 uint2 float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz float4e2m1".split(" "),
);
const shifts: ReadonlySet<string> = new Set(["Add", "Sub", "BiasGelu", "FastGelu", "Sum"]);
const scalings: ReadonlySet<string> = new Set(["Mul", "Div"]);

/** Fans of all that is no kernel. */
const noFans = { fanIn: 1, fanOut: 1 };

class LayerFinder {
  readonly #dataflow: Dataflow;
  readonly #isTrainable: IsTrainable;
  readonly #reached: ReadonlySet<Value>;
  readonly #buffers: ReadonlySet<Value>;
  readonly #views = new WeightViews();
  readonly #layers: OpenLayer[] = [];
  readonly #withComputedWeight: Operation[] = [];
  /** Kernel layers on the longest path from a graph input; absent for what is computed from constants alone. */
  readonly #levels = new Map<Value, number>();
  /** Whose output a value is: of no other layer, and only shifted, scaled or rearranged since. */
  readonly #owners = new Map<Value, OpenLayer>();
  /** Layers of written-out normalizations, by what they normalize. */
  readonly #normalizations = new Map<Value, OpenLayer>();
  readonly #placed = new Set<Value>();
  readonly #names = new UniqueNames();

  constructor(dataflow: Dataflow, reach: GradientReach, isTrainable: IsTrainable) {
    this.#dataflow = dataflow;
    this.#isTrainable = isTrainable;
    this.#reached = reach.values;
    this.#buffers = new Set(
      dataflow.operations.flatMap(({ node, inputs }) => bufferInputs(node).flatMap((index) => inputs[index] ?? [])),
    );
  }

  find(): FoundLayers {
    for (const input of this.#dataflow.inputs) this.#levels.set(input, 0);
    for (const [order, operation] of this.#dataflow.operations.entries()) this.#visit(operation, order);
    this.#placeTheRest();
    const layers = this.#layers
      .filter(({ parameters }) => parameters.length > 0)
      .toSorted((a, b) => a.order - b.order)
      .map(({ name, operation, depth, connections, parameters }) => ({
        name,
        op: operation.node.opType,
        depth,
        connections,
        parameters: parameters.map(({ source, ...parameter }) => ({ ...parameter, uses: this.#views.uses(source) })),
      }));
    const totalDepth = this.#layers.reduce((most, { depth }) => Math.max(most, depth + 1), 0);
    return { layers, totalDepth, withComputedWeight: this.#withComputedWeight };
  }

  #visit(operation: Operation, order: number): void {
    this.#views.visit(operation);
    const level = this.#levelBefore(operation);
    const visit = { operation, order, depth: level ?? 0 };
    const applied = this.#applyKernels(visit);
    const owner = applied ?? this.#modifiedLayer(visit);
    for (const output of operation.outputs) {
      if (output === undefined) continue;
      if (level !== undefined) this.#levels.set(output, applied === undefined ? level : level + 1);
      if (owner !== undefined && !isActivated(operation)) this.#owners.set(output, owner);
    }
  }

  #levelBefore({ node, inputs }: Operation): number | undefined {
    // A shape is known before the data is.
    if (node.opType === "Shape" || node.opType === "Size") return undefined;
    let most: number | undefined;
    // Of its second input, a CastLike takes the type alone.
    for (const input of node.opType === "CastLike" ? inputs.slice(0, 1) : inputs) {
      const level = input === undefined ? undefined : this.#levels.get(input);
      if (level !== undefined && (most === undefined || level > most)) most = level;
    }
    return most;
  }

  /** The layer of an operation that applies kernels; undefined for other operations. */
  #applyKernels(visit: Visit): OpenLayer | undefined {
    const { operation } = visit;
    const operator = kernelOperator(operation.node);
    if (operator === undefined || isSlice(operation)) return undefined;
    const found = operator.kernels.map(({ input, role, fans }) =>
      this.#views.all(operation.inputs[input]).flatMap(({ source, shape }) => {
        const tensor = this.#kernelTensor(source);
        return tensor === undefined ? [] : [{ source, input, role, tensor, fans: fans(operation.node, shape) }];
      }),
    );
    const kernels = operator.isOneKernel ? (found.find((ofInput) => ofInput.length > 0) ?? []) : found.flat();
    const [first] = kernels;
    if (first === undefined) {
      const isComputed = operator.kernels.some(({ input }) => this.#isComputedWeight(operation.inputs[input]));
      if (isComputed) this.#withComputedWeight.push(operation);
      return undefined;
    }
    const layer = this.#open(visit, {
      connections: Math.max(...kernelConnections(kernels)),
      units: first.fans.units,
      isOfConstants: kernels.every(({ source }) => source.origin.kind === "operation"),
    });
    for (const { source, input, role, fans } of kernels) this.#place(source, layer, operation, input, role, fans);
    for (const { input, role } of operator.others) this.#placeInput(operation, input, role, layer);
    return layer;
  }

  /** Whether a value is computed from constants alone, and a parameter that could be a kernel is among them. */
  #isComputedWeight(value: Value | undefined): boolean {
    if (value === undefined || this.#levels.has(value) || this.#views.all(value).length > 0) return false;
    const behind = new Set([value]);
    for (const next of behind) {
      if (this.#kernelTensor(next) !== undefined) return true;
      if (next.origin.kind !== "operation") continue;
      const { operation } = next.origin;
      for (const [index, input] of operation.inputs.entries()) {
        // An extent of a weight is none of its values.
        if (input !== undefined && isDifferentiable(operation, index)) behind.add(input);
      }
    }
    return false;
  }

  /** The layer whose output an operation shifts, scales, normalizes or rearranges; undefined for other operations. */
  #modifiedLayer(visit: Visit): OpenLayer | undefined {
    const { node, inputs } = visit.operation;
    const [data] = inputs;
    if (data === undefined) return undefined;
    if (isRearrangement(visit.operation) || isReordering(node)) return this.#owners.get(data);
    const normalization = normalizationOperator(node);
    if (normalization !== undefined) return this.#normalize(visit, normalization, data);
    if (node.opType === "PRelu") this.#placeSlope(visit);
    // What an integer product yields is scaled back before it is the layer's output.
    const owner = this.#owners.get(data);
    if (node.opType === "Mul" && owner?.operation.node.opType.endsWith("Integer") === true) return owner;
    if (inputs.length !== 2 || !(shifts.has(node.opType) || scalings.has(node.opType))) return undefined;
    return this.#modify(visit, 0, 1) ?? (node.opType === "Div" ? undefined : this.#modify(visit, 1, 0));
  }

  #placeSlope(visit: Visit): void {
    const slope = this.#views.one(visit.operation.inputs[1]);
    if (slope === undefined || !this.#isNewParameter(slope.source, undefined, "bias")) return;
    this.#place(slope.source, this.#open(visit), visit.operation, 1, "other", noFans);
  }

  #normalize(visit: Visit, operator: NormalizationOperator, data: Value): OpenLayer | undefined {
    const { inputs } = visit.operation;
    const owner = operator.ofFirstInput ? this.#owners.get(data) : undefined;
    const sources = operator.parameters.flatMap(({ input }) => this.#views.all(inputs[input]));
    if (!sources.some(({ source }) => this.#isNewParameter(source, owner, "normalization"))) return owner;
    const layer = owner ?? this.#open(visit);
    for (const { input, role } of operator.parameters) this.#placeInput(visit.operation, input, role, layer);
    return layer;
  }

  /** An Add or Mul of a value and a constant that has an element for each of the units, or belongs to a normalization. */
  #modify(visit: Visit, dataInput: number, parameterInput: number): OpenLayer | undefined {
    const { node, inputs } = visit.operation;
    const view = this.#views.one(inputs[parameterInput]);
    const data = inputs[dataInput];
    if (view === undefined || data === undefined || this.#views.all(data).length > 0) return undefined;
    const owner = this.#owners.get(data);
    const isPerUnit = owner !== undefined && isOneForEachUnit(view.shape, owner, data);
    const layer = isPerUnit ? owner : this.#normalizationLayer(visit, data, view.source);
    if (layer === undefined) return undefined;
    const isNormalization = layer.parameters.some((parameter) => parameter.role === "norm-scale");
    const shift = isNormalization || !isPerUnit ? "norm-bias" : "bias";
    this.#placeInput(visit.operation, parameterInput, scalings.has(node.opType) ? "norm-scale" : shift, layer);
    return layer;
  }

  #normalizationLayer(visit: Visit, data: Value, source: Value): OpenLayer | undefined {
    if (!this.#isNewParameter(source, undefined, "normalization")) return undefined;
    const normalized = normalizedInput(data);
    if (normalized === undefined) return undefined;
    let layer = this.#normalizations.get(normalized) ?? this.#owners.get(normalized);
    if (layer === undefined) {
      layer = this.#open(visit, { units: elementCount(constantTensor(source)?.shape ?? []) });
      this.#normalizations.set(normalized, layer);
    }
    return layer;
  }

  /** Parameters that belong to no kernel's output: each its own layer, named after where it first meets data. */
  #placeTheRest(): void {
    const rest = this.#dataflow.initializers.filter((value) => this.#isNewParameter(value, undefined, "other"));
    if (rest.length === 0) return;
    const meetings = firstMeetings(this.#dataflow, (operation) => this.#levelBefore(operation) !== undefined);
    for (const value of rest) {
      const [firstUse] = value.uses;
      const meeting = meetings.get(value) ?? (firstUse === undefined ? undefined : { ...firstUse, order: 0 });
      if (meeting === undefined) continue;
      const { operation, order } = meeting;
      const layer = this.#open({ operation, order, depth: this.#levelBefore(operation) ?? 0 }, {}, value.name);
      this.#place(value, layer, operation, meeting.input, "other", noFans);
    }
  }

  /** Starts a layer, named after its node; after its parameter where that name is taken and it has one. */
  #open(
    { operation, order, depth }: Visit,
    facts: { connections?: number; units?: number; isOfConstants?: boolean } = {},
    parameterName?: string,
  ): OpenLayer {
    const { connections, units, isOfConstants = false } = facts;
    const { node } = operation;
    const own = node.name === "" ? (node.outputs.find((output) => output !== "") ?? node.opType) : node.name;
    const name = this.#names.next(this.#names.has(own) && parameterName !== undefined ? parameterName : own);
    const layer = { name, operation, depth, connections, units, isOfConstants, order, parameters: [] };
    this.#layers.push(layer);
    return layer;
  }

  #placeInput(operation: Operation, input: number, role: ParameterRole, layer: OpenLayer): void {
    for (const { source } of this.#views.all(operation.inputs[input])) {
      if (!this.#isNewParameter(source, layer, useOf(role))) continue;
      this.#place(source, layer, operation, input, role, noFans);
    }
  }

  #place(
    source: Value,
    layer: OpenLayer,
    operation: Operation,
    input: number,
    role: ParameterRole,
    { fanIn, fanOut }: Pick<Fans, "fanIn" | "fanOut">,
  ): void {
    const tensor = constantTensor(source);
    if (tensor === undefined || this.#placed.has(source)) return;
    this.#placed.add(source);
    const named = source.origin.kind === "initializer" ? tensor : { ...tensor, name: source.name };
    layer.parameters.push({ source, tensor: named, role, operation, input, fanIn, fanOut });
  }

  /** The tensor behind a kernel: of rank 2 at least, and trainable or quantized. */
  #kernelTensor(source: Value): Tensor | undefined {
    const tensor = constantTensor(source);
    if (tensor === undefined || tensor.shape.length < 2 || !this.#reached.has(source)) return undefined;
    const hasType = isFloatingPoint(tensor.dataType) || quantizedTypes.has(tensor.dataType);
    return hasType && this.#isTrainable(tensor, "kernel") ? tensor : undefined;
  }

  /** Whether a value is a parameter that no layer has yet. Constant nodes count only beside a kernel that is one, too. */
  #isNewParameter(source: Value, layer: OpenLayer | undefined, use: ConstantUse): boolean {
    const tensor = constantTensor(source);
    if (tensor === undefined || this.#placed.has(source)) return false;
    if (source.origin.kind !== "initializer" && layer?.isOfConstants !== true) return false;
    // Running statistics are read by no gradient, but may be asked for by name.
    const isBuffer = this.#buffers.has(source);
    if (!isFloatingPoint(tensor.dataType) || !(isBuffer || this.#reached.has(source))) return false;
    return this.#isTrainable(tensor, isBuffer ? "buffer" : use);
  }
}

/**
 * Whether a constant has one element, or one for each unit of a layer's output. Where the value is that output itself,
 * and not a rearranged one, the axis must be the units': a convolution has them before its spatial axes.
 */
function isOneForEachUnit(shape: readonly number[], { units, operation }: OpenLayer, data: Value): boolean {
  const elements = elementCount(shape);
  if (shape.length === 0 || (elements !== 1 && elements !== units)) return false;
  const isDirect = data.origin.kind === "operation" && data.origin.operation === operation;
  if (elements === 1 || !isDirect || !operation.node.opType.includes("Conv")) return true;
  const rank = constantTensor(operation.inputs[1] ?? data)?.shape.length;
  const unitsFromTheEnd = shape.length - shape.indexOf(elements);
  return rank === undefined || rank < 3 || unitsFromTheEnd === rank - 1;
}

function useOf(role: ParameterRole): ConstantUse {
  if (role === "norm-scale" || role === "norm-bias") return "normalization";
  return role === "other" ? "other" : "bias";
}

/** Fused operators end in an activation: what they put out is no layer's output any more. */
function isActivated({ node }: Operation): boolean {
  return /^(Bias|Fast)Gelu$/.test(node.opType) || (stringAttribute(node, "activation") ?? "") !== "";
}

/** ONNX Runtime's layout conversions around its blocked convolutions. */
function isReordering({ domain, opType }: Node): boolean {
  return domain === "com.microsoft.nchwc" && opType.startsWith("Reorder");
}

/** Picking one entry by a constant number is a slice of a parameter, not an embedding. */
function isSlice({ node, inputs: [, indices] }: Operation): boolean {
  return node.opType === "Gather" && indices !== undefined && constantTensor(indices)?.shape.length === 0;
}
