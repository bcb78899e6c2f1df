import type { AttributeInputs } from "../../graph/builder.js";
import type { Value } from "../../graph/emitter.js";
import type { Node } from "../../graph/model.js";
import { type Operators, range } from "../../graph/operators.js";
import { multiply, type Extent } from "../../graph/shapes/extent.js";
import { tensorFacts } from "../../graph/shapes/facts.js";
import { tensorFrom } from "../../graph/tensor.js";
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
  /** Constants that filters of images have in common. */
  readonly #places = new Map<string, Value>();

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

  /**
   * A convolution in the layout of blocks. The images may be plain where they have fewer channels than a block.
   * @param filter as {@link filter} and its like make it
   */
  convolve(
    x: Value,
    { filter, bias, group }: { readonly filter: Value; readonly bias?: Value | undefined; readonly group: number },
    { kernel, strides, dilations, pads }: Steps,
    shape: readonly Extent[],
  ): Value {
    const attributes = { kernel_shape: kernel, strides, dilations, pads, group };
    return this.#apply("Conv", bias === undefined ? [x, filter] : [x, filter, bias], shape, attributes);
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

  /** Weights [M, C, kernel] in blocks of output and input channels. */
  filter(weights: Value): Value {
    const [outputs, inputs, ...kernel] = extentsOf(weights);
    const b = this.size;
    const parts = this.g.reshape(weights, [outputs / b, b, inputs / b, b, ...kernel]);
    return this.g.reshape(this.g.transpose(parts, [0, 2, 4, 5, 3, 1]), extentsOf(weights));
  }

  /** The {@link filter} of weights [M, C, kernel] with M and C swapped and taps mirrored, as gradients are convolved with. */
  mirroredFilter(weights: Value): Value {
    const [outputs, inputs, height, width] = extentsOf(weights);
    const b = this.size;
    const parts = this.g.reshape(weights, [outputs / b, b, inputs / b, b, height, width]);
    const blocks = this.g.transpose(parts, [2, 0, 4, 5, 1, 3]);
    const taps = this.g.reshape(blocks, [(outputs * inputs) / b ** 2, height * width, b ** 2]);
    const mirrored = this.g.gather(taps, this.g.integers(range(height * width).toReversed()), 1);
    return this.g.reshape(mirrored, [inputs, outputs, height, width]);
  }

  /** Weights [M, C, kernel] in blocks of output channels: of depthwise ones, and of those for plain images. */
  filterOfOutputs(weights: Value): Value {
    const [outputs, ...others] = extentsOf(weights);
    const axes = range(others.length).map((axis) => axis + 2);
    const parts = this.g.reshape(weights, [outputs / this.size, this.size, ...others]);
    return this.g.reshape(this.g.transpose(parts, [0, ...axes, 1]), extentsOf(weights));
  }

  /**
   * The {@link filter} of images [N, C, H, W] that are weights [C, N, H, W]: rows of one block each, which one Gather
   * puts into their places on all threads.
   */
  filterOfImages(blocked: Value): Value {
    const [batch, channels, height, width] = extentsOf(blocked);
    const [blocks, positions] = [channels / this.size, height * width];
    const rows = this.g.reshape(blocked, [batch * blocks * positions, this.size]);
    const places = this.#placesOfImages(batch, blocks, positions);
    return this.g.reshape(this.g.gather(rows, places, 0), [channels, batch, height, width]);
  }

  /** Which row of images is at which place of their filter. */
  #placesOfImages(batch: number, blocks: number, positions: number): Value {
    const key = [batch, blocks, positions].join(" ");
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const places = new Int32Array(batch * blocks * positions);
    let place = 0;
    for (let block = 0; block < blocks; block++) {
      for (let first = 0; first < batch; first += this.size) {
        for (let position = 0; position < positions; position++) {
          for (let image = first; image < first + this.size; image++) {
            places[place++] = (image * blocks + block) * positions + position;
          }
        }
      }
    }
    const value = this.g.constant(tensorFrom("places", "int32", [places.length], new Uint8Array(places.buffer)));
    this.#places.set(key, value);
    return value;
  }

  /** Zeros to the left and the right of blocked images of known extents. */
  widened(blocked: Value, left: number, right: number): Value {
    if (left === 0 && right === 0) return blocked;
    const [batch, channels, height, width] = extentsOf(blocked);
    const b = this.size;
    const rows = this.g.reshape(blocked, [(batch * channels * height) / b, width * b]);
    const wider = this.g.op("Pad", [rows, this.g.integers([0, left * b, 0, right * b])]);
    return this.g.reshape(wider, [batch, channels, height, left + width + right]);
  }

  /** Blocked images of known extents with zeros between their elements, and as many behind the last ones. */
  spread(blocked: Value, [down, right]: readonly [down: number, right: number]): Value {
    const [batch, channels, height, width] = extentsOf(blocked);
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
    inputs: readonly Value[],
    shape: readonly Extent[] | undefined,
    attributes: AttributeInputs = {},
  ): Value {
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
}

/** What a node becomes; undefined where it stays as it is. @returns its outputs, in plain form */
export type BlockedRule = (context: BlockedContext) => readonly (Value | undefined)[] | undefined;

/** Whether all extents of a value are known. */
export function isOfKnownExtents({ shape }: Value): boolean {
  return shape?.every((extent) => typeof extent === "number") === true;
}

/** Extents that are known to be numbers, four of them. */
function extentsOf({ shape = [] }: Value): readonly [number, number, number, number] {
  const [first = 1, second = 1, third = 1, fourth = 1] = shape.map(Number);
  return [first, second, third, fourth];
}

/** Whether values have one shape. */
export function isLike(a: Value, b: Value): boolean {
  return isSameShape(a.shape, b.shape);
}
