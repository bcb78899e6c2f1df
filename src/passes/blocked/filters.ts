import type { Value } from "../../graph/emitter.js";
import { range } from "../../graph/operators.js";
import { tensorFrom } from "../../graph/tensor.js";
import { type Blocks, knownImages } from "./blocks.js";

/** Weights [M, C, kernel] in blocks of output and input channels. */
export function filterOf({ g, size }: Blocks, weights: Value): Value {
  const [outputs, inputs, ...kernel] = knownImages(weights);
  const parts = g.reshape(weights, [outputs / size, size, inputs / size, size, ...kernel]);
  return g.reshape(g.transpose(parts, [0, 2, 4, 5, 3, 1]), [outputs, inputs, ...kernel]);
}

/** The {@link filterOf} weights [M, C, kernel] with M and C swapped and taps mirrored, as gradients are convolved with. */
export function mirroredFilterOf({ g, size }: Blocks, weights: Value): Value {
  const [outputs, inputs, height, width] = knownImages(weights);
  const parts = g.reshape(weights, [outputs / size, size, inputs / size, size, height, width]);
  const blocks = g.transpose(parts, [2, 0, 4, 5, 1, 3]);
  const taps = g.reshape(blocks, [(outputs * inputs) / size ** 2, height * width, size ** 2]);
  const mirrored = g.gather(taps, g.integers(range(height * width).toReversed()), 1);
  return g.reshape(mirrored, [inputs, outputs, height, width]);
}

/** Weights [M, C, kernel] in blocks of output channels: of depthwise ones, and of those for plain images. */
export function filterOfOutputs({ g, size }: Blocks, weights: Value): Value {
  const [outputs, ...others] = knownImages(weights);
  const parts = g.reshape(weights, [outputs / size, size, ...others]);
  return g.reshape(g.transpose(parts, [0, 2, 3, 4, 1]), [outputs, ...others]);
}

/**
 * The {@link filterOf} images [N, C, H, W] that are weights [C, N, H, W]: rows of one block each, which one Gather puts
 * into their places on all threads.
 */
export function filterOfImages(blocks: Blocks, images: Value): Value {
  const { g, size } = blocks;
  const [batch, channels, height, width] = knownImages(images);
  const [parts, positions] = [channels / size, height * width];
  const rows = g.reshape(blocks.blocked(images), [batch * parts * positions, size]);
  const places = blocks.shared(`places ${batch} ${parts} ${positions}`, () => {
    const order = placesOfImages(batch, parts, positions, size);
    return g.constant(tensorFrom("places", "int32", [order.length], new Uint8Array(order.buffer)));
  });
  return g.reshape(g.gather(rows, places, 0), [channels, batch, height, width]);
}

/** Which row of images is at which place of their filter. */
function placesOfImages(batch: number, parts: number, positions: number, size: number): Int32Array {
  const places = new Int32Array(batch * parts * positions);
  let place = 0;
  for (let part = 0; part < parts; part++) {
    for (let first = 0; first < batch; first += size) {
      for (let position = 0; position < positions; position++) {
        for (let image = first; image < first + size; image++) {
          places[place++] = (image * parts + part) * positions + position;
        }
      }
    }
  }
  return places;
}
