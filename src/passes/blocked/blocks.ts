import type { AttributeInputs } from "../../graph/builder.js";
import type { Value } from "../../graph/emitter.js";
import type { Node } from "../../graph/model.js";
import type { Operators } from "../../graph/operators.js";
import { multiply, type Extent } from "../../graph/shapes/extent.js";
import { tensorFacts } from "../../graph/shapes/facts.js";
import { tuple, type Tuple } from "../../graph/tuple.js";
import { isSameShape } from "../../graph/shapes/shape-math.js";

/** The domain of ONNX Runtime's operators on blocked tensors. */
export const BLOCKED_DOMAIN = "com.microsoft.nchwc";

/** How images are convolved: kernel, strides, dilations and pads of both axes. */
export interface Steps {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** In front of both axes, behind both axes. */
  readonly pads: readonly number[];
}

/** What images are convolved with. */
export interface Weights {
  /** In blocks, see filters.ts. */
  readonly filter: Value;
  readonly bias?: Value | undefined;
  readonly group: number;
}

/** ± a convolution plus other images. */
type Sum = (added: Value, sign: 1 | -1) => Value;

/** A kernel of one tap. */
export const pointwise: Steps = { kernel: [1, 1], strides: [1, 1], dilations: [1, 1], pads: [0, 0, 0, 0] };

/**
 * The values of a graph under construction whose elements are, or are also there, in blocks of channels: [N, C/b, H, W,
 * b] in memory, with the shape [N, C, H, W] by name. A value has either form where it is asked for; of what nobody asks
 * for, the graph keeps no node.
 */
export class Blocks {
  readonly g: Operators;
  /** Channels in a block. */
  readonly size: number;
  /** Blocked forms, by the names of values. */
  readonly #forms = new Map<string, Value>();
  /** What makes ± a value plus other images in one pass, by the names of blocked forms. */
  readonly #sums = new Map<string, Sum>();
  readonly #shared = new Map<string, Value>();

  constructor(g: Operators, size: number) {
    this.g = g;
    this.size = size;
  }

  /** Whether a value can be blocked: float32 images whose channels are a multiple of a block's. */
  fits({ dataType, shape }: Value): boolean {
    const channels = shape?.[1];
    const isOfImages = dataType === "float32" && shape?.length === 4;
    return isOfImages && typeof channels === "number" && channels > 0 && channels % this.size === 0;
  }

  /** The blocked form that a value has already. */
  form(x: Value): Value | undefined {
    return this.#forms.get(x.name);
  }

  /** The same of float32, as the operators on blocks take them. */
  images(x: Value | undefined): Value | undefined {
    const form = x && this.form(x);
    return form?.dataType === "float32" ? form : undefined;
  }

  /** The blocked form of images. */
  blocked(x: Value): Value {
    return this.form(x) ?? this.#remember(x, this.#apply("ReorderInput", [x], x.shape));
  }

  /** Two forms of one value. @returns its plain form */
  both(plain: Value, blocked: Value): Value {
    this.#remember(plain, blocked);
    return plain;
  }

  /** The plain form of blocked images, of which the blocked one is kept. */
  plain(blocked: Value): Value {
    const channels = Number(blocked.shape?.[1]);
    return this.both(this.#apply("ReorderOutput", [blocked], blocked.shape, { channels }), blocked);
  }

  /** A convolution in the layout of blocks. The images may be plain where they have fewer channels than a block. */
  convolve(
    x: Value,
    { filter, bias, group }: Weights,
    { kernel, strides, dilations, pads }: Steps,
    shape: readonly Extent[],
  ): Value {
    const attributes = { kernel_shape: kernel, strides, dilations, pads, group };
    const y = this.#apply("Conv", [x, filter, bias], shape, attributes);
    this.#sums.set(y.name, (added, sign) => {
      const signed = (value: Value) => (sign < 0 ? this.g.neg(value) : value);
      return this.#apply("Conv", [x, signed(filter), bias && signed(bias), added], shape, attributes);
    });
    return y;
  }

  /**
   * `added` ± blocked images that are a convolution, or one in another shape: in the same pass, which may use the memory of
   * `added`. undefined for other images.
   */
  sum(added: Value, blocked: Value, sign: 1 | -1): Value | undefined {
    const sum = this.#sums.get(blocked.name);
    if (sum !== undefined) return sum(added, sign);
    const made = this.g.emitter.emissionOf(blocked);
    const [source] = made?.inputs ?? [];
    if (made?.node.opType !== "Reshape" || source?.shape === undefined) return undefined;
    const before = this.#sums.get(source.name)?.(this.g.reshape(added, source.shape), sign);
    return before && this.g.reshape(before, this.g.shape(blocked));
  }

  /** A value that is made once for all that ask for it. */
  shared(key: string, make: () => Value): Value {
    const value = this.#shared.get(key) ?? make();
    this.#shared.set(key, value);
    return value;
  }

  /** The mean of each channel of each image, [N, C]. */
  means(blocked: Value): Value {
    const [batch = 1, channels = 1] = this.g.shape(blocked);
    const means = this.#apply("GlobalAveragePool", [this.rows(blocked)], [batch, channels, 1, 1]);
    return this.g.reshape(means, [batch, channels]);
  }

  /** Blocked images as images of one row. */
  rows(blocked: Value): Value {
    const [batch = 1, channels = 1, height = 1, width = 1] = this.g.shape(blocked);
    return this.g.reshape(blocked, [batch, channels, 1, multiply(height, width)]);
  }

  /** Zeros to the left and the right of blocked images of known extents. */
  widened(blocked: Value, left: number, right: number): Value {
    if (left === 0 && right === 0) return blocked;
    const [batch, channels, height, width] = knownImages(blocked);
    const b = this.size;
    const rows = this.g.reshape(blocked, [(batch * channels * height) / b, width * b]);
    const wider = this.g.op("Pad", [rows, this.g.integers([0, left * b, 0, right * b])]);
    return this.g.reshape(wider, [batch, channels, height, left + width + right]);
  }

  /** Blocked images of known extents with zeros between their elements, and as many behind the last ones. */
  spread(blocked: Value, [down, right]: readonly [down: number, right: number]): Value {
    const [batch, channels, height, width] = knownImages(blocked);
    const b = this.size;
    const parts = this.g.reshape(blocked, [(batch * channels * height) / b, 1, width, b]);
    const pads = [0, 0, 0, 0, 0, down - 1, 0, (right - 1) * b];
    return this.g.reshape(this.g.op("Pad", [parts, this.g.integers(pads)]), [
      batch,
      channels,
      height * down,
      width * right,
    ]);
  }

  #remember(plain: Value, blocked: Value): Value {
    this.#forms.set(plain.name, blocked);
    return blocked;
  }

  #apply(
    opType: string,
    inputs: readonly (Value | undefined)[],
    shape: readonly Extent[] | undefined,
    attributes: AttributeInputs = {},
  ): Value {
    if (inputs.some((input) => input !== undefined && input.dataType !== "float32"))
      throw new Error(`${opType} on blocks takes float32`);
    const facts = [tensorFacts("float32", shape)];
    const [output] = this.g.emitter.emit({ opType, domain: BLOCKED_DOMAIN, inputs, attributes, facts });
    return output ?? this.g.unreachable(opType);
  }
}

/** What a rule works with: a node of the plain graph, and the values that are its inputs in the graph of blocks. */
export interface BlockedContext {
  readonly blocks: Blocks;
  readonly g: Operators;
  readonly node: Node;
  readonly inputs: readonly (Value | undefined)[];
  /** Whether nothing else reads an input of the node. */
  readonly isOnlyReader: (input: number) => boolean;
}

/** What a node becomes; undefined where it stays as it is. @returns its outputs, in plain form */
export type BlockedRule = (context: BlockedContext) => readonly (Value | undefined)[] | undefined;

/** Whether a value has the rank of images, and all extents are known. */
export function isKnown({ shape }: Value): boolean {
  return shape?.length === 4 && shape.every((extent) => typeof extent === "number");
}

/** The extents of images, or of weights for them, that are all known. */
export function knownImages(value: Value): Tuple<number, 4> {
  if (!isKnown(value)) throw new Error(`the extents of "${value.name}" are not known`);
  return tuple((value.shape ?? []).map(Number), 4);
}

/** Whether values have one shape. */
export function isLike(a: Value, b: Value): boolean {
  return isSameShape(a.shape, b.shape);
}
