import { type DataType, dataTypeCode } from "./data-type.js";
import type { Body, BodyInput, Emitter, Request, Value } from "./emitter.js";
import { InputError } from "./errors.js";
import { callOf, type Extent, isAtLeast, product, type Shape, termsOf } from "./shapes/extent.js";
import { type Facts, knownElements } from "./shapes/facts.js";
import { isSameShape } from "./shapes/shape-math.js";
import { numberTensor, type Tensor } from "./tensor.js";
import { tuple, type Tuple } from "./tuple.js";

/** An operand of arithmetic: a value, or a number of the other operand's type. */
export type Operand = Value | number;

/** Builds a body for a control-flow operator. @returns its outputs */
export type BodyOf = (g: Operators, inputs: readonly Value[]) => readonly Value[];

/**
 * The vocabulary in which gradients, losses and decompositions are written: standard operators (ai.onnx, working opset)
 * as functions of values of a graph under construction. Axes count from the front, or from the back where negative.
 */
export class Operators {
  constructor(readonly emitter: Emitter) {}

  /** Any operator with one output. */
  op(opType: string, inputs: readonly (Value | undefined)[], attributes: Request["attributes"] = {}): Value {
    const [output] = this.emitter.emit({ opType, inputs, attributes });
    if (output === undefined) throw new Error(`${opType} has no output`);
    return output;
  }

  /** Any operator, with its first `count` outputs. */
  ops<const Count extends number>(
    opType: string,
    inputs: readonly (Value | undefined)[],
    count: Count,
    attributes: Request["attributes"] = {},
  ): Tuple<Value, Count> {
    const outputs = this.emitter.emit({ opType, inputs, attributes, outputs: count });
    return tuple(
      outputs.map((output) => output ?? this.unreachable(opType)),
      count,
    );
  }

  // Constants

  /** A scalar of a type. */
  scalar(number: number, dataType: DataType): Value {
    return this.emitter.constant(numberTensor(String(number), dataType, [], [number]));
  }

  /** A vector of int64, as axes and shapes are. */
  integers(numbers: readonly number[]): Value {
    return this.emitter.constant(numberTensor(`[${numbers.join(",")}]`, "int64", [numbers.length], numbers));
  }

  /** A constant of any shape, row-major. */
  tensor(dataType: DataType, shape: readonly number[], numbers: readonly number[]): Value {
    return this.emitter.constant(numberTensor(`constant[${shape.join(",")}]`, dataType, shape, numbers));
  }

  /** A constant that exists already. */
  constant(tensor: Tensor): Value {
    return this.emitter.constant(tensor);
  }

  /** Zeros with the type and shape of a value. */
  zerosLike(like: Value): Value {
    return this.fullLike(like, 0);
  }

  /** Ones with the type and shape of a value. */
  onesLike(like: Value): Value {
    return this.fullLike(like, 1);
  }

  /** One number in the type and shape of a value. */
  fullLike(like: Value, number: number): Value {
    return this.full(this.shapeOf(like), number, like.dataType);
  }

  /** One number in every place of a shape. @param shape a vector of int64 */
  full(shape: Value, number: number, dataType: DataType): Value {
    if (knownElements(shape)?.length === 0) return this.scalar(number, dataType);
    return this.op("ConstantOfShape", [shape], { value: numberTensor("", dataType, [1], [number]) });
  }

  // Arithmetic, broadcasting as NumPy does

  add(a: Operand, b: Operand): Value {
    return this.#binary("Add", a, b);
  }

  sub(a: Operand, b: Operand): Value {
    return this.#binary("Sub", a, b);
  }

  mul(a: Operand, b: Operand): Value {
    return this.#binary("Mul", a, b);
  }

  div(a: Operand, b: Operand): Value {
    return this.#binary("Div", a, b);
  }

  pow(a: Operand, b: Operand): Value {
    return this.#binary("Pow", a, b);
  }

  max(a: Operand, b: Operand): Value {
    return this.#binary("Max", a, b);
  }

  min(a: Operand, b: Operand): Value {
    return this.#binary("Min", a, b);
  }

  /** The sum of all values, which have one shape. */
  sum(values: readonly Value[]): Value {
    const [first, second, ...others] = values;
    if (first === undefined) return this.unreachable("Sum");
    if (second === undefined) return first;
    return others.length === 0 ? this.add(first, second) : this.op("Sum", values);
  }

  neg(x: Value): Value {
    return this.op("Neg", [x]);
  }

  /** x². */
  square(x: Value): Value {
    return this.mul(x, x);
  }

  sqrt(x: Value): Value {
    return this.op("Sqrt", [x]);
  }

  reciprocal(x: Value): Value {
    return this.op("Reciprocal", [x]);
  }

  exp(x: Value): Value {
    return this.op("Exp", [x]);
  }

  log(x: Value): Value {
    return this.op("Log", [x]);
  }

  tanh(x: Value): Value {
    return this.op("Tanh", [x]);
  }

  sigmoid(x: Value): Value {
    return this.op("Sigmoid", [x]);
  }

  abs(x: Value): Value {
    return this.op("Abs", [x]);
  }

  /** −1, 0 or 1. */
  sign(x: Value): Value {
    return this.op("Sign", [x]);
  }

  // Comparison and choice

  equal(a: Operand, b: Operand): Value {
    return this.#binary("Equal", a, b);
  }

  less(a: Operand, b: Operand): Value {
    return this.#binary("Less", a, b);
  }

  lessOrEqual(a: Operand, b: Operand): Value {
    return this.#binary("LessOrEqual", a, b);
  }

  greater(a: Operand, b: Operand): Value {
    return this.#binary("Greater", a, b);
  }

  greaterOrEqual(a: Operand, b: Operand): Value {
    return this.#binary("GreaterOrEqual", a, b);
  }

  not(condition: Value): Value {
    return this.op("Not", [condition]);
  }

  and(a: Value, b: Value): Value {
    return this.op("And", [a, b]);
  }

  or(a: Value, b: Value): Value {
    return this.op("Or", [a, b]);
  }

  /** `a` where the condition holds, `b` elsewhere. Of two numbers, `like` gives the type. */
  where(condition: Value, a: Operand, b: Operand, like?: DataType): Value {
    const dataType = typeof a === "object" ? a.dataType : typeof b === "object" ? b.dataType : (like ?? "float32");
    return this.op("Where", [condition, this.#operand(a, dataType), this.#operand(b, dataType)]);
  }

  cast(x: Value, to: DataType): Value {
    return this.op("Cast", [x], { to: dataTypeCode(to) });
  }

  // Products

  matMul(a: Value, b: Value): Value {
    return this.op("MatMul", [a, b]);
  }

  // Shapes

  /** The rank. @throws InputError where it is unknown */
  rank(x: Value): number {
    return this.shape(x).length;
  }

  /** The extents. @throws InputError where not even the rank is known */
  shape(x: Value): Shape {
    if (x.shape === undefined) {
      const remedy = "declare the shape of the model's inputs";
      throw new InputError(`value "${x.name}"`, "has an unknown rank, which its gradient needs", remedy);
    }
    return x.shape;
  }

  /** An axis counted from the front. */
  axis(x: Value, axis: number): number {
    return axis < 0 ? axis + this.rank(x) : axis;
  }

  /** The shape as a vector of int64: a constant where all extents are numbers. */
  shapeOf(x: Value): Value {
    return this.op("Shape", [x]);
  }

  /** Some extents as a vector of int64. */
  extentsOf(x: Value, start: number, end?: number): Value {
    return this.op("Shape", [x], end === undefined ? { start } : { start, end });
  }

  /** The number of elements, a scalar of int64. */
  sizeOf(x: Value): Value {
    return this.op("Size", [x]);
  }

  /**
   * Extents as a vector of int64, computed while the graph runs from the shapes of values that have them.
   * @throws InputError for an extent that no value's shape tells
   */
  extents(extents: Shape): Value {
    const numbers = extents.filter((extent) => typeof extent === "number");
    if (numbers.length === extents.length) return this.integers(numbers);
    const parts: Value[] = [];
    let run: number[] = [];
    const flush = () => {
      if (run.length > 0) parts.push(this.integers(run));
      run = [];
    };
    for (const extent of extents) {
      if (typeof extent === "number") run.push(extent);
      else {
        flush();
        parts.push(this.extent(extent));
      }
    }
    flush();
    return this.concat(parts, 0);
  }

  /** One extent as a vector of one int64. @throws InputError for one that no value's shape tells */
  extent(extent: Extent): Value {
    if (typeof extent === "number") return this.integers([extent]);
    const source = this.emitter.extentSource(extent);
    if (source !== undefined) return this.extentsOf(source.value, source.axis, source.axis + 1);
    const terms = termsOf(extent).map(({ coefficient, atoms }) =>
      atoms
        .map((atom) => this.#atom(atom, extent))
        .reduce((result, factor) => this.mul(result, factor), this.integers([coefficient])),
    );
    return terms.reduce((result, term) => this.add(result, term));
  }

  /**
   * How many elements there are along some axes, to divide by: a number where it is known, else a vector of one, of x's
   * type.
   */
  count(x: Value, axes: readonly number[]): Operand {
    const shape = this.shape(x);
    const count = product(axes.map((axis) => shape[this.axis(x, axis)] ?? 1));
    return typeof count === "number" ? count : this.cast(this.extent(count), x.dataType);
  }

  /** One extent as an operand of integer arithmetic: a number, or a vector of one int64. */
  integer(extent: Extent): Operand {
    return typeof extent === "number" ? extent : this.extent(extent);
  }

  /** The same elements, row-major, in another shape: extents, or a vector of int64. */
  reshape(x: Value, shape: Shape | Value): Value {
    if ("name" in shape) return this.op("Reshape", [x, shape]);
    // A 0 is the extent of x, unless it is said to be one.
    const isEmpty = shape.some((extent, axis) => extent === 0 && x.shape?.[axis] !== 0) && !shape.includes(-1);
    if (isEmpty) return this.op("Reshape", [x, this.extents(shape)], { allowzero: 1 });
    return this.op("Reshape", [x, this.#reshapeTarget(x, shape)]);
  }

  /** In the shape of another value. */
  reshapeLike(x: Value, like: Value): Value {
    if (isSameShape(x.shape, like.shape)) return x;
    if (like.shape === undefined) return this.reshape(x, this.shapeOf(like));
    const isSimple = like.shape.filter((extent) => typeof extent === "string").length <= 1;
    return this.reshape(x, isSimple ? like.shape : this.shapeOf(like));
  }

  /** Broadcast to the shape of another value. */
  expandLike(x: Value, like: Value): Value {
    return isSameShape(x.shape, like.shape) ? x : this.op("Expand", [x, this.shapeOf(like)]);
  }

  /** Broadcast to a shape: extents, or a vector of int64. */
  expand(x: Value, shape: Shape | Value): Value {
    return this.op("Expand", [x, "name" in shape ? shape : this.extents(shape)]);
  }

  /** Axes permuted: axis `i` of the result is axis `permutation[i]` of x. */
  transpose(x: Value, permutation: readonly number[]): Value {
    return this.op("Transpose", [x], { perm: permutation });
  }

  /** The last two axes swapped. */
  transposeLast(x: Value): Value {
    const rank = this.rank(x);
    return this.transpose(x, [...range(rank - 2), rank - 1, rank - 2]);
  }

  squeeze(x: Value, axes: readonly number[]): Value {
    // Without axes the operator would remove all of extent 1.
    return axes.length === 0 ? x : this.op("Squeeze", [x, this.integers(axes)]);
  }

  unsqueeze(x: Value, axes: readonly number[]): Value {
    return this.op("Unsqueeze", [x, this.integers(axes)]);
  }

  concat(values: readonly Value[], axis: number): Value {
    return this.op("Concat", values, { axis });
  }

  /** So many parts of one size. */
  split<const Parts extends number>(x: Value, parts: Parts, axis: number): Tuple<Value, Parts> {
    return tuple(parts === 1 ? [x] : this.ops("Split", [x], parts, { axis, num_outputs: parts }), parts);
  }

  /** The elements from `start` up to `end` of one axis; without an end, all after it. */
  slice(x: Value, axis: number, start: Operand, end: Operand = Number.MAX_SAFE_INTEGER): Value {
    const bounds = [start, end].map((bound) => (typeof bound === "number" ? this.integers([bound]) : bound));
    return this.op("Slice", [x, ...bounds, this.integers([axis])]);
  }

  /** The elements along axes from the last to the first. */
  reversed(x: Value, axes: readonly number[]): Value {
    const last = this.integers(axes.map(() => -1));
    const beforeFirst = this.integers(axes.map(() => -Number.MAX_SAFE_INTEGER));
    return this.op("Slice", [x, last, beforeFirst, this.integers(axes), last]);
  }

  /** Elements, or slices along an axis, at indices. */
  gather(x: Value, indices: Value, axis: number): Value {
    return this.op("Gather", [x, indices], { axis });
  }

  /** 0, 1, 2 ... below a limit: an extent, or a scalar of int64. */
  range(limit: Value | Extent): Value {
    const end = typeof limit === "number" ? this.scalar(limit, "int64") : limit;
    const scalar = typeof end === "string" ? this.reshape(this.extent(end), []) : end;
    return this.op("Range", [this.scalar(0, "int64"), scalar, this.scalar(1, "int64")]);
  }

  // Reductions; without axes over all of them

  reduceSum(x: Value, axes?: readonly number[], keepDimensions = true): Value {
    return this.reduce("ReduceSum", x, axes, keepDimensions);
  }

  reduceMean(x: Value, axes?: readonly number[], keepDimensions = true): Value {
    return this.reduce("ReduceMean", x, axes, keepDimensions);
  }

  reduceMax(x: Value, axes?: readonly number[], keepDimensions = true): Value {
    return this.reduce("ReduceMax", x, axes, keepDimensions);
  }

  /** Any of ReduceSum, ReduceMean, ... An empty list of axes reduces nothing. */
  reduce(opType: string, x: Value, axes: readonly number[] | undefined, keepDimensions = true): Value {
    if (axes?.length === 0) return x;
    return this.op(opType, [x, axes === undefined ? undefined : this.integers(axes)], {
      keepdims: keepDimensions ? 1 : 0,
    });
  }

  /**
   * The gradient of an operand that was broadcast: summed over the axes along which it was repeated, in its own shape.
   * Axes whose extents are different symbols are compared while the graph runs.
   */
  unbroadcast(gradient: Value, to: Value): Value {
    if (isSameShape(gradient.shape, to.shape)) return gradient;
    const [from, target] = [this.shape(gradient), this.shape(to)];
    const extra = from.length - target.length;
    const padded = [...range(extra).map(() => 1), ...target];
    const isOpen = padded.some(
      (extent, axis) => extent !== 1 && extent !== from[axis] && typeof from[axis] === "string",
    );
    if (isOpen || padded.some((extent, axis) => typeof extent === "string" && extent !== from[axis])) {
      return this.#unbroadcastAtRunTime(gradient, to, extra);
    }
    const repeated = padded.flatMap((extent, axis) => (extent === 1 && from[axis] !== 1 ? [axis] : []));
    const isLeading = repeated.every((axis, index) => axis === index) && repeated.length < padded.length;
    if (isLeading && repeated.length > 0) return this.reshapeLike(this.sumOfRows(gradient, repeated.length), to);
    const leading = repeated.filter((axis) => axis < extra);
    const summed = this.reduceSum(gradient, repeated, leading.length < repeated.length);
    return this.reshapeLike(summed, to);
  }

  /**
   * The sum over the first axes, which go: as a product with ones, as ONNX Runtime's ReduceSum (1.32) takes 2 to 5 times
   * as long, with two threads up to 40 times (32768x16: 1.6 ms against 0.04).
   * @param count of axes, fewer than there are
   */
  sumOfRows(x: Value, count: number): Value {
    const others = this.shape(x).slice(count);
    const isMatrix = count === 1 && others.length === 1;
    const rows = isMatrix ? x : this.op("Flatten", [x], { axis: count });
    const ones = this.full(this.extents(this.shape(rows).slice(0, 1)), 1, x.dataType);
    const sum = this.matMul(ones, rows);
    return others.length === 1 ? sum : this.reshape(sum, others);
  }

  /** Adds `updates` into `x` at `indices` along an axis (ScatterElements with reduction "add"). */
  scatterAdd(x: Value, indices: Value, updates: Value, axis: number): Value {
    return this.op("ScatterElements", [x, indices, updates], { axis, reduction: "add" });
  }

  // Bodies of control flow

  /** A body for If, Loop or Scan: see {@link Emitter.body}. */
  body(name: string, inputs: readonly BodyInput[], build: BodyOf, isIsolated = false): Body {
    return this.emitter.body(name, inputs, (emitter, values) => build(new Operators(emitter), values), isIsolated);
  }

  /** For what cannot happen by the types. */
  unreachable(what: string): never {
    throw new Error(`${what} has too few values`);
  }

  #binary(opType: string, a: Operand, b: Operand): Value {
    const dataType = typeof a === "object" ? a.dataType : typeof b === "object" ? b.dataType : "float32";
    return this.op(opType, [this.#operand(a, dataType), this.#operand(b, dataType)]);
  }

  #operand(operand: Operand, dataType: DataType): Value {
    return typeof operand === "number" ? this.scalar(operand, dataType) : operand;
  }

  #atom(atom: string, extent: Extent): Value {
    const source = this.emitter.extentSource(atom);
    if (source !== undefined) return this.extentsOf(source.value, source.axis, source.axis + 1);
    const call = callOf(atom);
    if (call === undefined) {
      throw new InputError(`extent "${extent}"`, `cannot be computed: no value has the extent "${atom}"`);
    }
    const [left, right] = call.operands.map((operand) => this.extent(operand));
    if (left === undefined || right === undefined) return this.unreachable(call.name);
    if (call.name !== "floor") return call.name === "max" ? this.max(left, right) : this.min(left, right);
    // Div rounds towards 0.
    const [dividend] = call.operands;
    return this.div(isAtLeast(dividend, 0) ? left : this.sub(left, this.op("Mod", [left, right])), right);
  }

  /** A constant where at most one extent is symbolic: that one is computed by the operator. */
  #reshapeTarget(x: Value, shape: Shape): Value {
    const symbolic = shape.flatMap((extent, axis) =>
      typeof extent === "string" && extent !== x.shape?.[axis] ? [axis] : [],
    );
    const copied = shape.map((extent, axis) => (typeof extent === "string" && extent === x.shape?.[axis] ? 0 : extent));
    const [open] = symbolic;
    if (symbolic.length > 1 || open === undefined) {
      return symbolic.length === 0
        ? this.integers(copied.filter((extent) => typeof extent === "number"))
        : this.extents(shape);
    }
    return this.integers(copied.map((extent) => (typeof extent === "number" ? extent : -1)));
  }

  /** The axes along which the gradient's extent is another one than the operand's, found by comparing shapes. */
  #unbroadcastAtRunTime(gradient: Value, to: Value, extra: number): Value {
    const ones = range(extra).map(() => 1);
    const target = extra === 0 ? this.shapeOf(to) : this.concat([this.integers(ones), this.shapeOf(to)], 0);
    const isRepeated = this.not(this.equal(this.shapeOf(gradient), target));
    const axes = this.op("Reshape", [this.op("NonZero", [isRepeated]), this.integers([-1])]);
    const summed = this.op("ReduceSum", [gradient, axes], { keepdims: 1, noop_with_empty_axes: 1 });
    return this.reshape(summed, this.shapeOf(to));
  }
}

/** 0, 1, 2 ... below a count. */
export function range(count: number): readonly number[] {
  return Array.from({ length: Math.max(count, 0) }, (_, index) => index);
}

/** The number of elements of a value, where its shape is known. */
export function sizeOf(value: Facts): Extent | undefined {
  return value.shape === undefined ? undefined : product(value.shape);
}
