import { attributesOf } from "../../graph/builder.js";
import { Emitter, type Value } from "../../graph/emitter.js";
import { InputError } from "../../graph/errors.js";
import {
  describeNode,
  type Dimension,
  type Graph,
  integerAttribute,
  type Model,
  type Node,
  type ValueInfo,
} from "../../graph/model.js";
import { Operators, range } from "../../graph/operators.js";
import { declaredInputs, replay, replayedGraph, type Rewrite } from "../../graph/replay.js";
import {
  divideExactly,
  type Extent,
  multiply,
  product,
  type Shape,
  substitute,
  symbolsOf,
} from "../../graph/shapes/extent.js";
import { type Facts, knownNumbers } from "../../graph/shapes/facts.js";
import { inferGraph } from "../../graph/shapes/infer-graph.js";
import { formatShape } from "../../graph/shapes/shape-math.js";
import { readNumbers } from "../../graph/tensor.js";
import { type BatchPlace, Choices, placesAtStride, strideOf } from "./batch-place.js";
import { elementWise, isUniform } from "./uniform.js";

/** The symbol of a batch that a file did not name. */
const BATCH = "batch";

/** A batch size to try, which shapes do not have by chance. */
const OTHER_SIZE = 13;

/** How many ways to read reshapes that can be read in several are tried. */
const MOST_ATTEMPTS = 32;

/** A model that takes any batch, or, where that cannot be had, the reason. */
export interface FreedModel {
  readonly model: Model;
  /** One line for the person who asked; undefined where the batch is free. */
  readonly warning?: string;
}

/**
 * Frees a batch size that was baked in: a model exported for batches of one (or any other number) takes batches of any
 * size. The first axis of all inputs becomes a symbol, and the places are mended where the file has written the number
 * down: the targets of Reshape, Expand and Resize, the initial states of recurrent layers, what is concatenated with
 * the batch.
 * @param model at the working opset, without local functions. One whose inputs have a symbolic first axis is returned
 *   as it is; so is one in which the batch cannot be told from other axes
 * @param trained names of parameters: what is trained may differ from example to example later, even if it does not yet
 */
export function freeBatch(model: Model, trained: ReadonlySet<string> = new Set()): FreedModel {
  const { graph } = model;
  const initializers = new Set(graph.initializers.map(({ name }) => name));
  const inputs = graph.inputs.filter(({ name }) => !initializers.has(name));
  const sizes = firstExtents(inputs);
  const [size] = sizes;
  if (typeof size !== "number" || sizes.some((extent) => typeof extent !== "number")) return { model };
  if (sizes.some((extent) => extent !== size)) {
    return { model, warning: `the batch size stays as in the file: its inputs begin with ${sizes.join(", ")}` };
  }
  const choices = new Choices();
  let reason: InputError | undefined;
  for (let attempt = 0; attempt === 0 || (attempt < MOST_ATTEMPTS && choices.next()); attempt++) {
    try {
      return { model: { ...model, graph: new BatchFreer(graph, size, { choices, trained }).free() } };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      reason ??= error;
    }
  }
  return { model, warning: `the batch size stays ${size}, as in the file: ${reason?.message ?? ""}` };
}

/**
 * The first extents of all inputs of rank 2 or more: numbers where they were baked in. A file that has a batch of its
 * own, on whatever axis, is free already.
 */
function firstExtents(inputs: readonly ValueInfo[]): readonly (Dimension | undefined)[] {
  const shapes = inputs.flatMap(({ type }) => (type?.kind === "tensor" ? [type.shape ?? []] : []));
  if (shapes.some((shape) => shape.some((extent) => isOfBatch(extent ?? 0)))) return [];
  return shapes.flatMap((shape) => (shape.length >= 2 ? [shape[0]] : []));
}

/** What a {@link BatchFreer} is told besides. */
interface Freeing {
  readonly choices: Choices;
  readonly trained: ReadonlySet<string>;
}

class BatchFreer {
  readonly #graph: Graph;
  readonly #size: number;
  /** What every value is at the size of the file. */
  readonly #baked: ReadonlyMap<string, Facts>;
  readonly #choices: Choices;
  readonly #trained: ReadonlySet<string>;
  readonly #inner = new Map<string, Extent>();

  constructor(graph: Graph, size: number, { choices, trained }: Freeing) {
    this.#graph = graph;
    this.#size = size;
    this.#choices = choices;
    this.#trained = trained;
    this.#baked = inferGraph(graph);
  }

  free(): Graph {
    const emitter = Emitter.into(this.#graph);
    const inputs = declaredInputs(this.#graph, emitter, (facts) => ({ ...facts, shape: this.#freed(facts.shape) }));
    const results = replay(this.#graph, emitter, inputs, {
      initializer: (tensor, inner) => inner.initializer(tensor),
      rewrite: this.#rewrite,
    });
    for (const { name } of this.#graph.outputs)
      requireBatch(name, results.get(name)?.shape, this.#baked.get(name)?.shape);
    const graph = replayedGraph(this.#graph, emitter, results);
    this.#verify(graph, [...inputs.values()]);
    return graph;
  }

  #freed(shape: Shape | undefined): Shape | undefined {
    if (shape?.[0] !== this.#size) return shape;
    // One number for a batch of one may be one for all examples, such as a temperature.
    return shape.length === 1 && this.#size === 1 ? shape : [BATCH, ...shape.slice(1)];
  }

  /** @throws InputError where shapes do not fit together at another batch size */
  #verify(graph: Graph, inputs: readonly Value[]): void {
    const other = new Map([[BATCH, this.#size === OTHER_SIZE ? OTHER_SIZE + 4 : OTHER_SIZE]]);
    const atOther = (shape: Shape | undefined) => shape?.map((extent) => substitute(extent, other));
    inferGraph(graph, {
      inputs: new Map(inputs.map((value) => [value.name, { ...value, shape: atOther(value.shape) }])),
    });
  }

  readonly #rewrite: Rewrite = ({ emitter, node, inputs }) => {
    const output = node.outputs.find((name) => this.#baked.has(name));
    if (node.domain !== "" || output === undefined) return undefined;
    const g = new Operators(emitter);
    requireApart(node, inputs);
    switch (node.opType) {
      case "Reshape":
        return this.#reshape(g, inputs, this.#baked.get(output)?.shape);
      case "Expand":
        return this.#expand(g, inputs);
      case "Squeeze":
        return this.#squeeze(g, inputs, this.#baked.get(node.inputs[0] ?? "")?.shape);
      case "LSTM":
      case "GRU":
      case "RNN": {
        const batchAxis = integerAttribute(node, "layout", 0) === 0 ? 1 : 0;
        const extent = inputs[0]?.shape?.[batchAxis];
        if (extent === undefined || !isOfBatch(extent)) return undefined;
        const states = inputs.map((input, index) => {
          if (index === 4) return this.#repeated(g, input, 0, extent);
          return index === 5 || index === 6 ? this.#repeated(g, input, batchAxis, extent) : input;
        });
        return emitter.emit({ ...node, inputs: states });
      }
      case "Resize":
        return this.#withTarget(g, inputs, 3, (target) => emitter.emit({ ...node, inputs: inputs.with(3, target) }));
      case "AffineGrid":
        return this.#withTarget(g, inputs, 1, (target) => emitter.emit({ ...node, inputs: inputs.with(1, target) }));
      case "DeformConv":
        return this.#withExamples(g, node, inputs, { batchAxis: 0, operands: [2, 4] });
      case "GridSample":
        return this.#withExamples(g, node, inputs, { batchAxis: 0, operands: [1] });
      case "ReverseSequence":
        return this.#withExamples(g, node, inputs, {
          batchAxis: integerAttribute(node, "batch_axis", 1),
          operands: [1],
        });
      case "GatherND":
        return this.#gathered(g, node, inputs);
      case "ScatterND":
        return requireUnnamed(node, inputs);
      default: {
        const alignment = alignmentOf(node, inputs);
        const aligned = alignment && this.#aligned(g, inputs, alignment);
        return aligned && emitter.emit({ ...node, inputs: aligned });
      }
    }
  };

  /** A target that was written down at the file's batch size. */
  #reshape(g: Operators, [data, target]: readonly (Value | undefined)[], baked: Shape | undefined) {
    const place = data && this.#placeIn(g.emitter, data);
    if (data?.shape === undefined || place === undefined || baked === undefined) return undefined;
    if (knownNumbers(target) === undefined) return undefined;
    const stride = strideOf(data.shape, place);
    const places = placesAtStride(baked, stride, this.#size);
    const question = JSON.stringify([data.shape, place, baked]);
    const chosen = places[this.#choices.choose(question, places.length)];
    if (chosen === undefined) {
      throw new InputError(`value "${data.name}"`, "is given a shape in which the examples do not stay apart");
    }
    const shape = baked.map((extent, axis) => (axis === chosen.axis ? this.#grown(extent) : extent));
    return [g.reshape(data, shape)];
  }

  /** An extent of the file with the batch in place of the number that it had there. */
  #grown(extent: Extent): Extent {
    return multiply(divideExactly(extent, this.#size) ?? 1, BATCH);
  }

  /** Where the batch is in a value; undefined where it is not. @throws InputError where it is twice */
  #placeIn(emitter: Emitter, value: Value): BatchPlace | undefined {
    const axes = (value.shape ?? []).flatMap((extent, axis) => (isOfBatch(extent) ? [axis] : []));
    const [axis, second] = axes;
    if (axis === undefined) return undefined;
    if (second !== undefined) throw new InputError(`value "${value.name}"`, "has two axes of examples");
    return { axis, inner: this.#innerOf(emitter, value, axis) };
  }

  /**
   * How many steps along the batch's axis one example takes, which follows from how the batch came to be merged with
   * others.
   */
  #innerOf(emitter: Emitter, value: Value, axis: number): Extent {
    const extent = value.shape?.[axis] ?? BATCH;
    if (extent === BATCH) return 1;
    const known = this.#inner.get(value.name);
    if (known !== undefined) return known;
    const inner = this.#tracedInner(emitter, value, axis, extent);
    this.#inner.set(value.name, inner);
    return inner;
  }

  #tracedInner(emitter: Emitter, value: Value, axis: number, extent: Extent): Extent {
    const { node, inputs = [] } = emitter.emissionOf(value) ?? {};
    const [first] = inputs;
    if (node !== undefined && keepsOrder.has(node.opType) && first?.shape !== undefined) {
      const place = this.#placeIn(emitter, first);
      const after = product((value.shape ?? []).slice(axis + 1));
      const inner = place && divideExactly(strideOf(first.shape, place), after);
      if (inner !== undefined) return inner;
    }
    for (const input of inputs) {
      const same = input?.shape?.indexOf(extent) ?? -1;
      if (input !== undefined && same >= 0) return this.#innerOf(emitter, input, same);
    }
    return divideExactly(extent, BATCH) ?? 1;
  }

  /** What an extent is at the size of the file. */
  #atSize(extent: Extent): Extent {
    return substitute(extent, new Map([[BATCH, this.#size]]));
  }

  /** Operands that are there for the examples of the file come to be there for those of any batch. */
  #aligned(g: Operators, inputs: readonly (Value | undefined)[], { rank, isAligned, isBroadcast }: Alignment) {
    let aligned = inputs;
    for (const axis of range(rank).filter(isAligned)) {
      const ownAxis = (input: Value | undefined) => axis - rank + (input?.shape?.length ?? 0);
      const extent = inputs.map((input) => input?.shape?.[ownAxis(input)]).find(isOfBatch);
      if (extent === undefined) continue;
      aligned = aligned.map((input) => {
        const own = input?.shape?.[ownAxis(input)];
        return own === undefined || (own === 1 && isBroadcast)
          ? input
          : this.#repeated(g, input, ownAxis(input), extent);
      });
    }
    return aligned.every((input, index) => input === inputs[index]) ? undefined : aligned;
  }

  /** Operands whose first axis is the batch. */
  #withExamples(
    g: Operators,
    node: Node,
    inputs: readonly (Value | undefined)[],
    { batchAxis, operands }: { readonly batchAxis: number; readonly operands: readonly number[] },
  ) {
    const extent = inputs[0]?.shape?.[batchAxis];
    if (extent === undefined || !isOfBatch(extent)) return undefined;
    const own = inputs.map((input, index) => (operands.includes(index) ? this.#repeated(g, input, 0, extent) : input));
    return g.emitter.emit({ ...node, inputs: own });
  }

  /** Index tuples that begin with the number of the example that they are for need none. */
  #gathered(g: Operators, node: Node, inputs: readonly (Value | undefined)[]) {
    const [data, indices] = inputs;
    if (data === undefined || indices?.shape === undefined || !namesExamples(node, inputs)) return undefined;
    const length = Number(indices.shape.at(-1));
    const numbers = indices.constant === undefined ? knownNumbers(indices) : readNumbers(indices.constant);
    const perExample = (numbers ?? []).length / this.#size;
    const isOwn = numbers?.every((number, at) => at % length > 0 || number === Math.floor(at / perExample)) === true;
    const isBatch = isOwn && data.shape?.[0] === BATCH && indices.shape[0] === this.#size && length > 1;
    if (!isBatch || integerAttribute(node, "batch_dims", 0) > 0) return requireUnnamed(node, inputs);
    const tuples = g.slice(indices, -1, 1);
    const own = this.#repeated(g, tuples, 0, BATCH);
    return g.emitter.emit({ ...node, inputs: [data, own], attributes: attributesOf({ batch_dims: 1 }) });
  }

  #expand(g: Operators, [data, target]: readonly (Value | undefined)[]) {
    const numbers = knownNumbers(target);
    const from = data?.shape;
    if (data === undefined || from === undefined || numbers === undefined || !from.some(isOfBatch)) return undefined;
    const offset = numbers.length - from.length;
    if (offset < 0) return undefined;
    const shape = numbers.map((number, axis) => {
      const extent = from[axis - offset];
      return extent !== undefined && isOfBatch(extent) ? extent : number;
    });
    return [g.expand(data, shape)];
  }

  /** Squeezing everything took the batch along when it was 1. */
  #squeeze(g: Operators, [data, axes]: readonly (Value | undefined)[], baked: Shape | undefined) {
    const from = data?.shape;
    if (data === undefined || from === undefined || baked === undefined) return undefined;
    const named = axes === undefined ? [] : knownNumbers(axes);
    if (named === undefined) return undefined;
    const squeezed = named.length > 0 ? named : baked.flatMap((extent, axis) => (extent === 1 ? [axis] : []));
    const fromFront = squeezed.map((axis) => (axis < 0 ? axis + from.length : axis));
    const kept = fromFront.filter((axis) => !isOfBatch(from[axis]));
    return kept.length === fromFront.length ? undefined : [g.squeeze(data, kept)];
  }

  /** A value of the file's batch size, for any other. @throws InputError where its examples differ */
  #repeated(g: Operators, input: Value | undefined, axis: number, extent: Extent): Value | undefined {
    const { shape } = input ?? {};
    if (input === undefined || shape === undefined || shape[axis] !== this.#atSize(extent)) return input;
    if (shape[axis] !== 1 && !isUniform(g.emitter, input, axis, this.#trained)) {
      throw new InputError(`value "${input.name}"`, `was made for ${String(shape[axis])} examples`);
    }
    return g.expand(
      shape[axis] === 1 ? input : g.slice(input, axis, 0, 1),
      shape.map((own, index) => (index === axis ? extent : own)),
    );
  }

  /** An operator whose input is the shape of its output. */
  #withTarget(
    g: Operators,
    inputs: readonly (Value | undefined)[],
    index: number,
    emit: (target: Value) => readonly (Value | undefined)[],
  ) {
    const numbers = knownNumbers(inputs[index]);
    const batch = inputs[0]?.shape?.[0];
    if (numbers === undefined || batch === undefined || !isOfBatch(batch) || numbers[0] !== this.#atSize(batch)) {
      return undefined;
    }
    if (numbers.length !== inputs[0]?.shape?.length && index === 3) return undefined;
    return emit(g.extents([batch, ...numbers.slice(1)]));
  }
}

/** Axes, counted from the front of the longest operand, along which operands go together. */
interface Alignment {
  readonly rank: number;
  readonly isAligned: (axis: number) => boolean;
  /** Whether an extent of 1 goes with any other. */
  readonly isBroadcast: boolean;
}

/** Operators whose operands have one shape, but for one axis. */
const joining: ReadonlySet<string> = new Set(["Concat", "GatherElements", "ScatterElements"]);

/**
 * How the operands of an operator meet; undefined for operators whose operands have nothing to do with each other's
 * batch.
 */
function alignmentOf({ opType, attributes }: Node, inputs: readonly (Value | undefined)[]): Alignment | undefined {
  const rank = Math.max(...inputs.map((input) => input?.shape?.length ?? 0));
  const axis = attributes.get("axis");
  const along = axis?.kind === "int" ? Number(axis.value) : 0;
  const isOther = (index: number) => index !== (along < 0 ? along + rank : along);
  if (elementWise.has(opType)) return { rank, isAligned: () => true, isBroadcast: true };
  if (opType === "MatMul") return { rank, isAligned: (index) => index < rank - 2, isBroadcast: true };
  return joining.has(opType) ? { rank, isAligned: isOther, isBroadcast: false } : undefined;
}

/**
 * An output of which the batch is no part belongs to one example only; one number is a loss.
 * @throws InputError also for an output of another rank, but for one that lost its batch of one, and for a part of the
 *   examples
 */
function requireBatch(name: string, shape: Shape | undefined, baked: Shape | undefined): void {
  if (shape === undefined || shape.every((extent) => extent === 1)) return;
  const fail = (what: string): never => {
    throw new InputError(`output "${name}"`, what);
  };
  if (!shape.some(isOfBatch)) fail(`is ${formatShape(shape)} whatever the batch`);
  const added = shape.length - (baked?.length ?? shape.length);
  const isWhole = shape.every((extent) => !isOfBatch(extent) || isMultiple(extent));
  if (!isWhole || (added !== 0 && (added !== 1 || shape[0] !== BATCH)))
    fail(`would have the shape ${formatShape(shape)}`);
}

/** Whether the batch is a factor of an extent; where other symbols are part of it, too, nobody knows. */
function isMultiple(extent: Extent): boolean {
  const rest = divideExactly(extent, BATCH);
  return (rest !== undefined && !isOfBatch(rest)) || symbolsOf(extent).length > 1;
}

function isOfBatch(extent: Extent | undefined): boolean {
  return typeof extent === "string" && symbolsOf(extent).includes(BATCH);
}

/** Rearrangements that keep the order of the elements. */
const keepsOrder: ReadonlySet<string> = new Set(["Reshape", "Flatten", "Squeeze", "Unsqueeze"]);

/**
 * Rearrangements, matrix products and normalizations keep examples apart. @throws InputError for a node that does not
 */
function requireApart(node: Node, [a, b]: readonly (Value | undefined)[]): void {
  const isMixed = mixedExtents(node, a?.shape ?? [], b?.shape ?? []).some(isOfBatch);
  if (isMixed) throw new InputError(describeNode(node), "mixes the examples of a batch");
}

/** The extents along which a node adds up. */
function mixedExtents(node: Node, a: Shape, b: Shape): readonly (Extent | undefined)[] {
  const along = (fallback: number) => {
    const axis = integerAttribute(node, "axis", fallback);
    return axis < 0 ? axis + a.length : axis;
  };
  switch (node.opType) {
    case "MatMul":
      return [a.at(-1), b.at(b.length > 1 ? -2 : -1)];
    case "Gemm":
      return [a[integerAttribute(node, "transA", 0) === 0 ? 1 : 0], b[integerAttribute(node, "transB", 0)]];
    case "Softmax":
    case "LogSoftmax":
      return [a[along(-1)]];
    case "LayerNormalization":
    case "RMSNormalization":
      return a.slice(along(-1));
    default:
      return [];
  }
}

/** Whether index tuples name examples by their number. */
function namesExamples(node: Node, [data, indices]: readonly (Value | undefined)[]): boolean {
  const length = indices?.shape?.at(-1);
  const batchAxes = integerAttribute(node, "batch_dims", 0);
  const axis = data?.shape?.findIndex(isOfBatch) ?? -1;
  const isNamed = axis >= batchAxes && typeof length === "number" && axis < batchAxes + length;
  return isNamed && indices?.shape?.some(isOfBatch) === false;
}

function requireUnnamed(node: Node, inputs: readonly (Value | undefined)[]): undefined {
  if (namesExamples(node, inputs)) throw new InputError(describeNode(node), "names examples by their number");
}
