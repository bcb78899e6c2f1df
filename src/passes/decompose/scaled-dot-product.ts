import type { DataType } from "../../graph/data-type.js";
import type { Value } from "../../graph/emitter.js";
import { InputError } from "../../graph/errors.js";
import type { Operand, Operators } from "../../graph/operators.js";
import { divideExactly, multiply } from "../../graph/shapes/extent.js";

/** What attends to what. Queries [batch, query heads, S, size], keys and values [batch, key heads, T, size]. */
export interface Attending {
  readonly query: Value;
  readonly key: Value;
  readonly value: Value;
  /** The factor of the products of queries and keys; by default 1/√size. */
  readonly scale?: number | undefined;
  /** The products s become cap·tanh(s / cap); 0 for none. */
  readonly softcap?: number;
  /** Is added to the products. */
  readonly bias?: Value | undefined;
  /** Which keys a query sees: booleans, or undefined for all. */
  readonly allowed?: Value | undefined;
  /** Whether there may be queries that see no key: their results are 0. */
  readonly mayBeBlind?: boolean;
  /** One more product in the sum of the softmax, that attends to nothing: to broadcast to [batch, heads, S, 1]. */
  readonly sink?: Value | undefined;
  /** The type in which the softmax is computed; by default that of the query. */
  readonly softmaxType?: DataType;
}

/** What attention computes on its way. */
export interface Attended {
  /** [batch, query heads, S, size of the values]. */
  readonly result: Value;
  /** The products of queries and keys [batch, query heads, S, T]: as they are, capped, and with bias and mask. */
  readonly products: Value;
  readonly capped: Value;
  readonly biased: () => Value;
  readonly probabilities: Value;
}

/**
 * softmax(scale·Q·Kᵀ + bias)·V. What is not allowed gets a bias that leaves nothing of it, and not −∞, which would make
 * NaN of rows of which nothing is left. Where there are more query heads than key heads, each key head serves as many
 * consecutive query heads.
 */
export function scaledDotProduct(g: Operators, attending: Attending): Attended {
  const { query, key, value, softcap = 0, allowed, mayBeBlind = false, sink, softmaxType = query.dataType } = attending;
  const heads = grouping(g, query, key);
  const scaled = g.mul(query, attending.scale ?? defaultScale(g, query));
  const products = heads.ungroup(g.matMul(heads.group(scaled), g.transposeLast(key)));
  const capped = softcap === 0 ? products : g.mul(g.tanh(g.div(products, softcap)), softcap);
  const parts = [attending.bias, allowed && g.where(allowed, 0, lowest(query.dataType), query.dataType)];
  const bias = parts.filter((part) => part !== undefined);
  const biased =
    bias.length === 0
      ? capped
      : g.add(
          capped,
          bias.reduce((sum, part) => g.add(sum, part)),
        );
  const probabilities = g.cast(
    softmax(g, g.cast(biased, softmaxType), sink && g.cast(sink, softmaxType)),
    query.dataType,
  );
  const seen = allowed && mayBeBlind ? g.greater(g.reduceMax(g.cast(allowed, "float32"), [-1]), 0) : undefined;
  const guarded = (x: Value) => (seen === undefined ? x : g.where(seen, x, 0));
  return {
    result: guarded(heads.ungroup(g.matMul(heads.group(probabilities), value))),
    products,
    capped,
    biased: () => (allowed === undefined ? biased : g.where(allowed, biased, -Infinity)),
    probabilities: guarded(probabilities),
  };
}

/** The softmax over the last axis, of which the sink takes its share. */
function softmax(g: Operators, x: Value, sink: Value | undefined): Value {
  if (sink === undefined) return g.op("Softmax", [x], { axis: -1 });
  const column = g.add(g.mul(g.slice(x, 3, 0, 1), 0), sink);
  return g.slice(g.op("Softmax", [g.concat([x, column], 3)], { axis: -1 }), 3, 0, -1);
}

function defaultScale(g: Operators, query: Value): Operand {
  const size = g.count(query, [3]);
  return typeof size === "number" ? 1 / Math.sqrt(size) : g.reciprocal(g.sqrt(size));
}

/**
 * Query heads with the same key head, one below the other: so that one product with the key head serves all of them.
 */
function grouping(g: Operators, query: Value, key: Value) {
  const [batch = 1, heads = 1, length = 1] = g.shape(query);
  const keyHeads = g.shape(key)[1] ?? 1;
  if (heads === keyHeads) return { group: (x: Value) => x, ungroup: (x: Value) => x };
  const each = divideExactly(heads, keyHeads);
  if (each === undefined) {
    throw new InputError(
      `value "${query.name}"`,
      `has ${heads} heads for the ${keyHeads} of the keys "${key.name}"`,
      "declare the numbers of heads, the first must be a multiple of the second",
    );
  }
  return {
    group: (x: Value) => g.reshape(x, [batch, keyHeads, multiply(each, length), g.shape(x)[3] ?? 1]),
    ungroup: (x: Value) => g.reshape(x, [batch, heads, length, g.shape(x)[3] ?? 1]),
  };
}

/** Small enough that nothing is left of what it is added to, and large enough that a sum of some of them is finite. */
export function lowest(dataType: DataType): number {
  return dataType === "float16" ? -1e4 : -1e38;
}

/**
 * Which keys a query may see by its position, which is its index + offset: those from `before` positions before it to
 * `after` behind it.
 */
export interface Window {
  readonly offset: Operand;
  /** undefined where there is no bound. */
  readonly before?: number | undefined;
  readonly after?: number | undefined;
}

/**
 * The window's mask for S queries and T keys, [S, T] or what the offset, which broadcasts to [batch, 1, S, T], makes of
 * it.
 */
export function windowMask(
  g: Operators,
  query: Value,
  key: Value,
  { offset, before, after }: Window,
): Value | undefined {
  const positions = g.add(g.unsqueeze(indices(g, query), [1]), offset);
  const keys = indices(g, key);
  const bounds = [
    after === undefined ? undefined : g.lessOrEqual(keys, g.add(positions, after)),
    before === undefined ? undefined : g.greaterOrEqual(keys, g.sub(positions, before)),
  ];
  return all(g, bounds);
}

/** 0, 1, 2 ... along axis 2, int64. */
export function indices(g: Operators, x: Value): Value {
  return g.range(g.squeeze(g.extentsOf(x, 2, 3), [0]));
}

/** Where all masks hold. */
export function all(g: Operators, masks: readonly (Value | undefined)[]): Value | undefined {
  return masks
    .filter((mask) => mask !== undefined)
    .reduce<Value | undefined>((result, mask) => (result === undefined ? mask : g.and(result, mask)), undefined);
}
