import { type ByteRange, chunks, type ByteSource } from "./bytes.js";
import { bodiesOf } from "./bodies.js";
import type { Graph, Model } from "./model.js";
import type { Tensor } from "./tensor.js";

/** Where a tensor's bytes are, in a file beside the model. */
export interface ExternalLocation {
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

/** Weights of models that are written into a file of their own. */
export interface ExternalWeights {
  /** Where a tensor is in that file; undefined for tensors that stay in the model. */
  readonly locationOf: (tensor: Tensor) => ExternalLocation | undefined;
  /** The content of the file. */
  readonly content: Iterable<Uint8Array>;
}

/** A model file may have 2 GB, as protobuf counts in 32 bits with a sign; from here on weights are put beside it. */
const MOST_BYTES_INSIDE = 1.5 * 2 ** 30;
/** Smaller tensors are not worth the indirection. */
const LEAST_BYTES_OUTSIDE = 1024;
/** As ONNX recommends for files that are mapped into memory. */
const ALIGNMENT = 4096;

/**
 * Where the weights of models go that are too large for one file: each into one file for all of them, once; undefined where they fit.
 * @param mostBytes how much fits into a model file
 */
export function externalWeights(
  models: Iterable<Model>,
  file: string,
  mostBytes = MOST_BYTES_INSIDE,
): ExternalWeights | undefined {
  const perModel = [...models].map(({ graph }) => rawRanges(graph));
  const sizes = perModel.map((ranges) => ranges.reduce((sum, { length }) => sum + length, 0));
  if (sizes.every((size) => size <= mostBytes)) return undefined;
  const offsets = new Map<ByteSource, Map<number, ExternalLocation>>();
  const written: { readonly range: ByteRange; readonly padding: number }[] = [];
  let end = 0;
  for (const range of perModel.flat()) {
    const known = offsets.get(range.source) ?? new Map<number, ExternalLocation>();
    if (range.length < LEAST_BYTES_OUTSIDE || known.has(range.offset)) continue;
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    written.push({ range, padding: offset - end });
    known.set(range.offset, { file, offset, length: range.length });
    offsets.set(range.source, known);
    end = offset + range.length;
  }
  return {
    locationOf: ({ payload }) =>
      payload.kind === "raw" ? offsets.get(payload.range.source)?.get(payload.range.offset) : undefined,
    content: contentOf(written),
  };
}

function* contentOf(
  written: readonly { readonly range: ByteRange; readonly padding: number }[],
): Generator<Uint8Array> {
  for (const { range, padding } of written) {
    yield new Uint8Array(padding);
    yield* chunks(range.source, range.offset, range.offset + range.length);
  }
}

function rawRanges({ initializers, nodes }: Graph): readonly ByteRange[] {
  return [
    ...initializers.flatMap(({ payload }) => (payload.kind === "raw" ? [payload.range] : [])),
    ...nodes.flatMap((node) => bodiesOf(node).flatMap(rawRanges)),
  ];
}
