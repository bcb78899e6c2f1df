import type { Dataflow, Operation, Value } from "../../graph/dataflow.js";
import { isFloatingPoint } from "../../graph/data-type.js";
import { elementCount, type Tensor } from "../../graph/tensor.js";
import { constantTensor } from "./constants.js";
import { gradientReach } from "./gradient-reach.js";
import { type Fans, kernelOperator, type ParameterRole } from "./kernel-operators.js";
import { bufferInputs, normalizationOperator, normalizedInput } from "./normalization.js";
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
}

/** Finds the layers of a model, with the parameters that `isTrainable` says there are. */
export function findLayers(dataflow: Dataflow, isTrainable: IsTrainable): FoundLayers {
  return new LayerFinder(dataflow, isTrainable).find();
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

class LayerFinder {
  readonly #dataflow: Dataflow;
  readonly #isTrainable: IsTrainable;
  readonly #reached: ReadonlySet<Value>;
  readonly #buffers: ReadonlySet<Value>;
  readonly #views = new WeightViews();
  readonly #layers: OpenLayer[] = [];
  /** Kernel layers on the longest path from a graph input; absent for what is computed from constants alone. */
  readonly #levels = new Map<Value, number>();
  /** Whose output a value is: of no other layer, and only shifted, scaled or rearranged since. */
  readonly #owners = new Map<Value, OpenLayer>();
  /** Layers of written-out normalizations, by what they normalize. */
  readonly #normalizations = new Map<Value, OpenLayer>();
  readonly #placed = new Set<Value>();
  /** How often a name was taken. */
  readonly #names = new Map<string, number>();

  constructor(dataflow: Dataflow, isTrainable: IsTrainable) {
    this.#dataflow = dataflow;
    this.#isTrainable = isTrainable;
    this.#reached = gradientReach(dataflow).values;
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
    return { layers, totalDepth: Math.max(-1, ...this.#layers.map(({ depth }) => depth)) + 1 };
  }

  #visit(operation: Operation, order: number): void {
    this.#views.visit(operation);
    const before = this.#levelBefore(operation);
    const applied = this.#applyKernels(operation, before ?? 0, order);
    const owner = applied ?? this.#modifiedLayer(operation, before ?? 0, order);
    const after = before === undefined ? undefined : before + (applied === undefined ? 0 : 1);
    for (const output of operation.outputs) {
      if (output === undefined) continue;
      if (after !== undefined) this.#levels.set(output, after);
      if (owner !== undefined) this.#owners.set(output, owner);
    }
  }

  #levelBefore({ node, inputs }: Operation): number | undefined {
    // A shape is known before the data is.
    if (node.opType === "Shape" || node.opType === "Size") return undefined;
    const levels = inputs.flatMap((input) => (input === undefined ? [] : (this.#levels.get(input) ?? [])));
    return levels.length === 0 ? undefined : Math.max(...levels);
  }

  /** The layer of an operation that applies kernels; undefined for other operations. */
  #applyKernels(operation: Operation, depth: number, order: number): OpenLayer | undefined {
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
    if (first === undefined) return undefined;
    const layer = this.#open(operation, order, {
      depth,
      connections: Math.max(...kernels.map(({ tensor }) => elementCount(tensor.shape))),
      units: first.fans.units,
      isOfConstants: kernels.every(({ source }) => source.origin.kind === "operation"),
    });
    for (const { source, input, role, fans } of kernels) this.#place(source, layer, operation, input, role, fans);
    for (const { input, role } of operator.others) this.#placeInput(operation, input, role, layer);
    return layer;
  }

  /** The layer whose output an operation shifts, scales, normalizes or rearranges; undefined for other operations. */
  #modifiedLayer(operation: Operation, depth: number, order: number): OpenLayer | undefined {
    const { node, inputs } = operation;
    const [data] = inputs;
    if (data === undefined) return undefined;
    if (isRearrangement(operation)) return this.#owners.get(data);
    if (normalizationOperator(node) !== undefined) return this.#normalize(operation, data, depth, order);
    if (node.opType === "PRelu") this.#placeSlope(operation, depth, order);
    // What an integer product yields is scaled back before it is the layer's output.
    const owner = this.#owners.get(data);
    if (node.opType === "Mul" && owner?.operation.node.opType.endsWith("Integer") === true) return owner;
    if (!shifts.has(node.opType) && !scalings.has(node.opType)) return undefined;
    return this.#modify(operation, 1, 0, depth, order) ?? this.#modify(operation, 0, 1, depth, order);
  }

  #placeSlope(operation: Operation, depth: number, order: number): void {
    const slope = this.#views.one(operation.inputs[1]);
    if (slope === undefined || !this.#isNewParameter(slope.source, undefined, "bias")) return;
    this.#place(slope.source, this.#open(operation, order, { depth }), operation, 1, "other", { fanIn: 1, fanOut: 1 });
  }

  #normalize(operation: Operation, data: Value, depth: number, order: number): OpenLayer | undefined {
    const operator = normalizationOperator(operation.node);
    if (operator === undefined) return undefined;
    const owner = operator.ofFirstInput ? this.#owners.get(data) : undefined;
    const hasParameters = operator.parameters.some(({ input }) =>
      this.#views
        .all(operation.inputs[input])
        .some(({ source }) => this.#isNewParameter(source, owner, "normalization")),
    );
    if (!hasParameters) return owner;
    const layer = owner ?? this.#open(operation, order, { depth });
    for (const { input, role } of operator.parameters) this.#placeInput(operation, input, role, layer);
    return layer;
  }

  /** An Add or Mul of a value and a constant that has an element for each of the units, or belongs to a normalization. */
  #modify(
    operation: Operation,
    parameterInput: number,
    dataInput: number,
    depth: number,
    order: number,
  ): OpenLayer | undefined {
    const view = this.#views.one(operation.inputs[parameterInput]);
    const data = operation.inputs[dataInput];
    const isTwoOperands = operation.inputs.length === 2;
    const isOfConstants = this.#views.all(data).length > 0;
    if (view === undefined || data === undefined || !isTwoOperands || isOfConstants) return undefined;
    const elements = elementCount(view.shape);
    const owner = this.#owners.get(data);
    const isPerUnit = owner !== undefined && view.shape.length > 0 && (owner.units === elements || elements === 1);
    const layer = isPerUnit ? owner : this.#normalizationLayer(data, operation, view.source, depth, order);
    if (layer === undefined) return undefined;
    const isNormalization = layer.parameters.some((parameter) => parameter.role === "norm-scale");
    const shift = isNormalization || !isPerUnit ? "norm-bias" : "bias";
    const role = scalings.has(operation.node.opType) ? "norm-scale" : shift;
    this.#placeInput(operation, parameterInput, role, layer);
    return layer;
  }

  #normalizationLayer(
    data: Value,
    operation: Operation,
    source: Value,
    depth: number,
    order: number,
  ): OpenLayer | undefined {
    if (!this.#isNewParameter(source, undefined, "normalization")) return undefined;
    const normalized = normalizedInput(data);
    if (normalized === undefined) return undefined;
    let layer = this.#normalizations.get(normalized) ?? this.#owners.get(normalized);
    if (layer === undefined) {
      const units = elementCount(constantTensor(source)?.shape ?? []);
      layer = this.#open(operation, order, { depth, units });
      this.#normalizations.set(normalized, layer);
    }
    return layer;
  }

  /** Parameters that belong to no kernel's output: each its own layer, named after where it first meets data. */
  #placeTheRest(): void {
    const orders = new Map(this.#dataflow.operations.map((operation, order) => [operation, order]));
    for (const value of this.#dataflow.initializers) {
      if (!this.#isNewParameter(value, undefined, "other")) continue;
      const meeting = this.#meeting(value, orders);
      if (meeting === undefined) continue;
      const { operation, input } = meeting;
      const order = orders.get(operation) ?? 0;
      const depth = this.#levelBefore(operation) ?? 0;
      const layer = this.#open(operation, order, { depth }, value.name);
      this.#place(value, layer, operation, input, "other", { fanIn: 1, fanOut: 1 });
    }
  }

  /** The first operation in which a constant, or what is computed from it, meets data; else its first use. */
  #meeting(value: Value, orders: ReadonlyMap<Operation, number>): { operation: Operation; input: number } | undefined {
    const constants = new Set([value]);
    const meetings: { operation: Operation; input: number }[] = [];
    for (const constant of constants) {
      for (const use of constant.uses) {
        if (this.#levelBefore(use.operation) !== undefined) meetings.push(use);
        else for (const output of use.operation.outputs) if (output !== undefined) constants.add(output);
      }
    }
    const byOrder = meetings.toSorted((a, b) => (orders.get(a.operation) ?? 0) - (orders.get(b.operation) ?? 0));
    return byOrder[0] ?? value.uses[0];
  }

  #open(
    operation: Operation,
    order: number,
    facts: { depth: number; connections?: number; units?: number; isOfConstants?: boolean },
    alternativeName?: string,
  ): OpenLayer {
    const { depth, connections, units, isOfConstants = false } = facts;
    const name = this.#uniqueName(operation, alternativeName);
    const layer = { name, operation, depth, connections, units, isOfConstants, order, parameters: [] };
    this.#layers.push(layer);
    return layer;
  }

  #uniqueName({ node }: Operation, alternative: string | undefined): string {
    const own = node.name === "" ? (node.outputs.find((output) => output !== "") ?? node.opType) : node.name;
    const base = this.#names.has(own) && alternative !== undefined ? alternative : own;
    for (;;) {
      const copy = (this.#names.get(base) ?? 0) + 1;
      this.#names.set(base, copy);
      const name = copy === 1 ? base : `${base} (${copy})`;
      if (copy === 1) return name;
      if (!this.#names.has(name)) {
        this.#names.set(name, 1);
        return name;
      }
    }
  }

  #placeInput(operation: Operation, input: number, role: ParameterRole, layer: OpenLayer): void {
    for (const { source } of this.#views.all(operation.inputs[input])) {
      if (!this.#isNewParameter(source, layer, useOf(role))) continue;
      this.#place(source, layer, operation, input, role, { fanIn: 1, fanOut: 1 });
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

function useOf(role: ParameterRole): ConstantUse {
  if (role === "norm-scale" || role === "norm-bias") return "normalization";
  return role === "other" ? "other" : "bias";
}

/** Picking one entry by a constant number is a slice of a parameter, not an embedding. */
function isSlice({ node, inputs: [, indices] }: Operation): boolean {
  return node.opType === "Gather" && indices !== undefined && constantTensor(indices)?.shape.length === 0;
}
