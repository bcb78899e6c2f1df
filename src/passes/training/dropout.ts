import type { Emitter, Value } from "../../graph/emitter.js";
import { InputError } from "../../graph/errors.js";
import { describeNode } from "../../graph/model.js";
import { Operators } from "../../graph/operators.js";
import type { Replayed } from "../../graph/replay.js";
import { product } from "../../graph/shapes/extent.js";
import { scalarOf } from "../../graph/shapes/tensor-facts.js";

/** What Dropout drops by default (ONNX Dropout 13). */
const DEFAULT_RATIO = 0.5;

/**
 * The Dropout nodes of one graph. What they drop follows from an input, the seed, and from nothing else: the same seed
 * gives the same masks in every runtime, and a run that is resumed goes on as if it had never stopped.
 */
export class Dropouts {
  readonly #isActive: boolean;
  /** The outermost graph, whose input the seed is. */
  readonly #outermost: Emitter;
  #seed: Value | undefined;
  #count = 0;

  constructor(outermost: Emitter, isActive: boolean) {
    this.#outermost = outermost;
    this.#isActive = isActive;
  }

  /** The input that masks are made from, a scalar of int64 from 0 to 2³² − 1; undefined where nothing is dropped. */
  get seed(): Value | undefined {
    return this.#seed;
  }

  /** Emits a Dropout; undefined for other nodes. */
  rewrite({ emitter, node, inputs: [data, ratio] }: Replayed): readonly (Value | undefined)[] | undefined {
    if (node.domain !== "" || node.opType !== "Dropout" || data === undefined) return undefined;
    const g = new Operators(emitter);
    const wantsMask = (node.outputs[1] ?? "") !== "";
    const dropped = ratio === undefined ? DEFAULT_RATIO : scalarOf(ratio);
    if (dropped === undefined && this.#isActive) {
      const remedy = "write it as a constant, or train with --no-dropout";
      throw new InputError(describeNode(node), "drops a share that only running the model tells", remedy);
    }
    if (!this.#isActive || dropped === undefined || dropped === 0) {
      return [data, wantsMask ? g.cast(g.onesLike(data), "bool") : undefined];
    }
    return emitter.scoped(node.name === "" ? "Dropout" : node.name, () => {
      const isKept = this.#mask(g, data, dropped);
      // The factor is shared with the gradient: one multiplication each.
      const factor = g.where(isKept, dropped >= 1 ? 0 : 1 / (1 - dropped), 0, data.dataType);
      return [g.mul(data, factor), isKept];
    });
  }

  /** true with a probability of 1 − ratio, for each element. */
  #mask(g: Operators, data: Value, ratio: number): Value {
    this.#seed ??= this.#outermost.newInput("seed", { dataType: "int64", shape: [] });
    this.#count++;
    const key = g.add(g.cast(this.#seed, "uint32"), g.scalar(Math.imul(this.#count, GOLDEN_RATIO) >>> 0, "uint32"));
    const start = mixed(g, key);
    const stride = g.op("BitwiseOr", [mixed(g, g.add(start, g.scalar(this.#count, "uint32"))), g.scalar(1, "uint32")]);
    const count = data.shape === undefined ? undefined : product(data.shape);
    const size = typeof count === "number" ? g.scalar(count, "int64") : g.sizeOf(data);
    const positions = g.cast(g.range(size), "uint32");
    const random = mixed(g, g.mul(g.add(positions, start), stride));
    const threshold = g.scalar(Math.min(Math.round(ratio * 2 ** 32), 2 ** 32 - 1), "uint32");
    return g.reshapeLike(g.greaterOrEqual(random, threshold), data);
  }
}

/** 2³² divided by the golden ratio: its multiples are spread evenly. */
const GOLDEN_RATIO = 0x9e3779b9;

/** The finalizer of MurmurHash3 (32 bits): every bit of the result depends on every bit of x. */
function mixed(g: Operators, x: Value): Value {
  const shifted = (value: Value, bits: number) =>
    g.op("BitwiseXor", [value, g.op("BitShift", [value, g.scalar(bits, "uint32")], { direction: "RIGHT" })]);
  const first = g.mul(shifted(x, 16), g.scalar(0x85ebca6b, "uint32"));
  const second = g.mul(shifted(first, 13), g.scalar(0xc2b2ae35, "uint32"));
  return shifted(second, 16);
}
