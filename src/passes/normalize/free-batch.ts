import { Emitter, type Value } from "../../graph/emitter.js";
import { InputError } from "../../graph/errors.js";
import { type Graph, integerAttribute, type Model, type ValueInfo } from "../../graph/model.js";
import { Operators } from "../../graph/operators.js";
import { replay, type Rewrite } from "../../graph/replay.js";
import { factsOfType } from "../../graph/shapes/declared-facts.js";
import { divideExactly, type Extent, multiply, type Shape, symbol, symbolsOf } from "../../graph/shapes/extent.js";
import { type Facts, knownNumbers } from "../../graph/shapes/facts.js";
import { inferGraph } from "../../graph/shapes/infer-graph.js";

/** The symbol of a batch that a file did not name. */
const BATCH = "batch";

/** A model that takes any batch, or, where that cannot be had, the reason. */
export interface FreedModel {
  readonly model: Model;
  /** One line for the person who asked; undefined where the batch is free. */
  readonly warning?: string;
}

/**
 * Frees a batch size that was baked in: a model exported for batches of one (or any other number) takes batches of any size. The first axis of all inputs
 * becomes a symbol, and the places are mended where the file has written the number down: the targets of Reshape, Expand and Resize, the
 * initial states of recurrent layers, what is concatenated with the batch.
 * @param model at the working opset, without local functions. One whose inputs have a symbolic first axis is returned as it is; so is
 *   one in which the batch cannot be told from other axes
 */
export function freeBatch(model: Model): FreedModel {
  const { graph } = model;
  const initializers = new Set(graph.initializers.map(({ name }) => name));
  const inputs = graph.inputs.filter(({ name }) => !initializers.has(name));
  const size = bakedSize(inputs);
  if (size === undefined) return { model };
  try {
    const freed = new BatchFreer(graph, size).free(inputs);
    return { model: { ...model, graph: freed } };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { model, warning: `the batch size stays ${size}, as in the file: ${error.message}` };
  }
}

/** The number that is the first extent of all inputs of rank 2 or more; undefined where it is free, or none. */
function bakedSize(inputs: readonly ValueInfo[]): number | undefined {
  const first = inputs.flatMap(({ type }) =>
    type?.kind === "tensor" && (type.shape?.length ?? 0) >= 2 ? [type.shape?.[0]] : [],
  );
  const [size] = first;
  return typeof size === "number" && first.every((extent) => extent === size) ? size : undefined;
}

class BatchFreer {
  readonly #graph: Graph;
  readonly #size: number;
  /** What every value is at the size of the file. */
  readonly #baked: ReadonlyMap<string, Facts>;

  constructor(graph: Graph, size: number) {
    this.#graph = graph;
    this.#size = size;
    this.#baked = inferGraph(graph);
  }

  free(inputs: readonly ValueInfo[]): Graph {
    const emitter = new Emitter();
    const values = new Map(
      inputs.map(({ name, type }): [string, Value] => {
        const facts = factsOfType(type, (axis) => symbol(`${name}_dim${axis}`));
        return [name, emitter.input(name, { ...facts, shape: this.#freed(facts.shape) })];
      }),
    );
    const results = replay(this.#graph, emitter, values, {
      initializer: (tensor, inner) => inner.initializer(tensor),
      rewrite: this.#rewrite,
    });
    const outputs = this.#graph.outputs.flatMap(({ name }) => {
      const value = results.get(name);
      return value === undefined ? [] : [{ name, value }];
    });
    return { ...emitter.graph(this.#graph.name, outputs), metadata: this.#graph.metadata };
  }

  #freed(shape: Shape | undefined): Shape | undefined {
    return shape !== undefined && shape[0] === this.#size ? [BATCH, ...shape.slice(1)] : shape;
  }

  readonly #rewrite: Rewrite = ({ emitter, node, inputs }) => {
    if (node.domain !== "" || !this.#baked.has(node.outputs[0] ?? "")) return undefined;
    const g = new Operators(emitter);
    switch (node.opType) {
      case "Reshape":
        return this.#reshape(g, inputs, this.#baked.get(node.outputs[0] ?? "")?.shape);
      case "Expand":
        return this.#expand(g, inputs);
      case "Squeeze":
        return this.#squeeze(g, inputs, this.#baked.get(node.inputs[0] ?? "")?.shape);
      case "Concat": {
        const repaired = this.#aligned(g, inputs, integerAttribute(node, "axis", 0));
        return repaired && emitter.emit({ ...node, inputs: repaired });
      }
      case "LSTM":
      case "GRU":
      case "RNN": {
        const batchAxis = integerAttribute(node, "layout", 0) === 0 ? 1 : 0;
        const extent = inputs[0]?.shape?.[batchAxis];
        if (extent === undefined || !isOfBatch(extent)) return undefined;
        const states = inputs.map((input, index) =>
          index === 5 || index === 6 ? this.#repeated(g, input, batchAxis, extent) : input,
        );
        return emitter.emit({ ...node, inputs: states });
      }
      case "Resize":
        return this.#withTarget(g, inputs, 3, (target) =>
          emitter.emit({ ...node, inputs: replaced(inputs, 3, target) }),
        );
      case "AffineGrid":
        return this.#withTarget(g, inputs, 1, (target) =>
          emitter.emit({ ...node, inputs: replaced(inputs, 1, target) }),
        );
      default:
        return undefined;
    }
  };

  /** A target that was written down at the file's batch size. */
  #reshape(g: Operators, [data, target]: readonly (Value | undefined)[], baked: Shape | undefined) {
    const from = data?.shape;
    if (data === undefined || from === undefined || baked === undefined) return undefined;
    if (knownNumbers(target) === undefined || !from.some(isOfBatch)) return undefined;
    const wanted = this.#wantedShape(from, baked);
    return wanted === undefined ? undefined : [g.reshape(data, wanted)];
  }

  /**
   * The shape at any batch size: that of the file, one extent of which grows with the batch. Reshapes keep the order of elements, so it is the one
   * at the place where the batch is in the shape before.
   */
  #wantedShape(from: Shape, baked: Shape): Shape | undefined {
    const batchAxis = from.findIndex(isOfBatch);
    const before = from.slice(0, batchAxis).reduce<Extent>(multiply, 1);
    const factor = from[batchAxis] ?? 1;
    const after = from.slice(batchAxis + 1);
    const candidates: number[] = [];
    let prefix: Extent = 1;
    for (const [axis, extent] of baked.entries()) {
      const end: Extent = multiply(prefix, extent);
      const isHere =
        prefix === before ||
        (typeof prefix === "number" &&
          typeof before === "number" &&
          typeof end === "number" &&
          prefix < before &&
          before < end);
      if (isHere && this.#grown(extent, factor) !== undefined) candidates.push(axis);
      prefix = end;
    }
    const exact = candidates.find((axis) => baked[axis] === this.#atSize(factor));
    // What follows the batch is kept as it is: the batch was merged into the extent before it.
    const rest = baked.slice(baked.length - after.length);
    const isMerged = after.length > 0 && after.every((extent, index) => extent === rest[index]);
    const merged =
      isMerged && candidates.includes(baked.length - after.length) ? baked.length - after.length - 1 : undefined;
    const axis = exact ?? (merged !== undefined && merged >= 0 ? merged : candidates[0]);
    if (axis === undefined) return undefined;
    return baked.map((extent, index) => (index === axis ? (this.#grown(extent, factor) ?? extent) : extent));
  }

  /** An extent of the file with the batch in place of the number that it had there. */
  #grown(extent: Extent, factor: Extent): Extent | undefined {
    const rest = divideExactly(extent, this.#atSize(factor));
    return rest === undefined ? undefined : multiply(rest, factor);
  }

  /** What an extent is at the size of the file. */
  #atSize(extent: Extent): Extent {
    const rest = divideExactly(extent, BATCH);
    return rest === undefined ? extent : multiply(rest, this.#size);
  }

  #expand(g: Operators, [data, target]: readonly (Value | undefined)[]) {
    const numbers = knownNumbers(target);
    const from = data?.shape;
    if (data === undefined || from === undefined || numbers === undefined || !from.some(isOfBatch)) return undefined;
    const offset = numbers.length - from.length;
    if (offset < 0) return undefined;
    return [
      g.expand(
        data,
        numbers.map((number, axis) => (isOfBatch(from[axis - offset]) ? (from[axis - offset] ?? number) : number)),
      ),
    ];
  }

  /** Squeezing everything took the batch along when it was 1. */
  #squeeze(g: Operators, [data, axes]: readonly (Value | undefined)[], baked: Shape | undefined) {
    const from = data?.shape;
    if (data === undefined || from === undefined || baked === undefined) return undefined;
    const squeezed =
      axes === undefined ? baked.flatMap((extent, axis) => (extent === 1 ? [axis] : [])) : knownNumbers(axes);
    if (squeezed === undefined) return undefined;
    const fromFront = squeezed.map((axis) => (axis < 0 ? axis + from.length : axis));
    const kept = fromFront.filter((axis) => !isOfBatch(from[axis]));
    return kept.length === fromFront.length ? undefined : [g.squeeze(data, kept)];
  }

  /** What is concatenated with the batch along another axis is there once for each example. */
  #aligned(g: Operators, inputs: readonly (Value | undefined)[], axis: number) {
    const shapes = inputs.map((input) => input?.shape);
    const rank = shapes[0]?.length ?? 0;
    const along = axis < 0 ? axis + rank : axis;
    const leader = shapes.find(
      (shape) => shape?.some((extent, index) => index !== along && isOfBatch(extent)) === true,
    );
    const batchAxis = leader?.findIndex((extent, index) => index !== along && isOfBatch(extent)) ?? -1;
    const extent = leader?.[batchAxis];
    if (extent === undefined || shapes.every((shape) => shape?.[batchAxis] === extent)) return undefined;
    return inputs.map((input) => this.#repeated(g, input, batchAxis, extent));
  }

  /** A value of the file's batch size, for any other. @throws InputError where its examples differ */
  #repeated(g: Operators, input: Value | undefined, axis: number, extent: Extent): Value | undefined {
    const { shape } = input ?? {};
    if (input === undefined || shape === undefined || shape[axis] !== this.#atSize(extent)) return input;
    if (shape[axis] !== 1) {
      throw new InputError(`value "${input.name}"`, `was made for ${String(shape[axis])} examples`);
    }
    return g.expand(
      input,
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
    if (numbers === undefined || batch === undefined || !isOfBatch(batch) || numbers[0] !== this.#atSize(batch))
      return undefined;
    if (numbers.length !== inputs[0]?.shape?.length && index === 3) return undefined;
    return emit(g.extents([batch, ...numbers.slice(1)]));
  }
}

function isOfBatch(extent: Extent | undefined): boolean {
  return typeof extent === "string" && symbolsOf(extent).includes(BATCH);
}

function replaced(inputs: readonly (Value | undefined)[], index: number, by: Value): readonly (Value | undefined)[] {
  return inputs.map((input, at) => (at === index ? by : input));
}
