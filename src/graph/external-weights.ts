import { type ByteRange, chunks, type ByteSource } from "./bytes.js";
import { bodiesOf } from "./bodies.js";
import type { Graph, Model, Node } from "./model.js";
import { rawByteLength, type Tensor } from "./tensor.js";

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
 * Where the weights of models go that are too large for one file: each into one file for all of them, once; undefined
 * where they fit. The tensors in attributes stay in the model.
 * @param mostBytes of tensors in a model file
 */
export function externalWeights(
  models: Iterable<Model>,
  file: string,
  mostBytes = MOST_BYTES_INSIDE,
): ExternalWeights | undefined {
  const graphs = [...models].map(({ graph }) => graph);
  if (graphs.every((graph) => weightBytes(graph) <= mostBytes)) return undefined;
  const locations = new Map<ByteSource, Map<string, ExternalLocation>>();
  const written: { readonly range: ByteRange; readonly padding: number }[] = [];
  let end = 0;
  for (const range of graphs.flatMap(rawRanges)) {
    const known = locations.get(range.source) ?? new Map<string, ExternalLocation>();
    if (range.length < LEAST_BYTES_OUTSIDE || known.has(keyOf(range))) continue;
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    written.push({ range, padding: offset - end });
    known.set(keyOf(range), { file, offset, length: range.length });
    locations.set(range.source, known);
    end = offset + range.length;
  }
  return {
    locationOf: ({ payload }) =>
      payload.kind === "raw" ? locations.get(payload.range.source)?.get(keyOf(payload.range)) : undefined,
    content: contentOf(written),
  };
}

/** Files may hold tensors of several lengths at one offset. */
function keyOf({ offset, length }: ByteRange): string {
  return `${offset}:${length}`;
}

function* contentOf(
  written: readonly { readonly range: ByteRange; readonly padding: number }[],
): Generator<Uint8Array> {
  for (const { range, padding } of written) {
    yield new Uint8Array(padding);
    yield* chunks(range.source, range.offset, range.offset + range.length);
  }
}

/** What the tensors of a graph take in a model file, those in attributes and bodies included. */
function weightBytes({ initializers, nodes }: Graph): number {
  const tensors = [...initializers, ...nodes.flatMap(tensorsIn)];
  const own = tensors.reduce((sum, { dataType, shape }) => sum + rawByteLength(dataType, shape), 0);
  return nodes.reduce((sum, node) => bodiesOf(node).reduce((all, body) => all + weightBytes(body), sum), own);
}

/** The tensors in a node's attributes. They stay in the model file. */
function tensorsIn({ attributes }: Node): readonly Tensor[] {
  return [...attributes.values()].flatMap((attribute) => {
    if (attribute.kind === "tensor") return [attribute.value];
    return attribute.kind === "tensors" ? attribute.value : [];
  });
}

function rawRanges({ initializers, nodes }: Graph): readonly ByteRange[] {
  return [
    ...initializers.flatMap(({ payload }) => (payload.kind === "raw" ? [payload.range] : [])),
    ...nodes.flatMap((node) => bodiesOf(node).flatMap(rawRanges)),
  ];
}
