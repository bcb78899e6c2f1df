import type { Operation } from "../../graph/dataflow.js";
import type { Layer } from "../../passes/structure/layers.js";

/** How data flows from layer to layer. */
export interface LayerGraph {
  /** Every layer, and the operations at which the outputs of several come together; in the order of the data. */
  readonly nodes: readonly GraphNode[];
  /** Indices of nodes: one uses another's output, with only operations of a single source in between. */
  readonly edges: readonly Edge[];
}

export type GraphNode =
  { readonly kind: "layer"; readonly layer: number } | { readonly kind: "join"; readonly op: string };

export interface Edge {
  readonly from: number;
  readonly to: number;
}

/**
 * The graph of a model's layers. A residual sum, a concatenation or the product of queries and keys is a node of its own, so
 * that what follows it is connected to it and not to everything that it was made of.
 * @param layers in the order of their first use, as `structureOf` finds them
 */
export function layerGraph(layers: readonly Layer[]): LayerGraph {
  const owners = new Map<Operation, number>();
  for (const [index, { parameters }] of layers.entries()) {
    for (const { operation } of parameters) if (!owners.has(operation)) owners.set(operation, index);
  }
  const nodes: GraphNode[] = [];
  const edges: Edge[] = [];
  const nodeOf = new Map<number, number>();
  /** The node whose output an operation hands on; none where it depends on the graph's inputs and constants alone. */
  const sources = new Map<Operation, number>();
  const known = new Set<string>();
  const connect = (from: number, to: number) => {
    const key = `${from} ${to}`;
    if (from === to || known.has(key)) return;
    known.add(key);
    edges.push({ from, to });
  };
  for (const operation of inOrder(
    layers.flatMap(({ parameters }) => parameters.map((parameter) => parameter.operation)),
  )) {
    const found = new Set(before(operation).flatMap((earlier) => sources.get(earlier) ?? []));
    const layer = owners.get(operation);
    const drawn = layer === undefined ? undefined : nodeOf.get(layer);
    // A layer that has a part of a parameter which others use, too, is drawn at its first operation alone.
    const isLayer = layer !== undefined && [...found].every((source) => drawn === undefined || source <= drawn);
    if (isLayer || found.size > 1) {
      const node = (isLayer ? drawn : undefined) ?? nodes.length;
      if (node === nodes.length)
        nodes.push(isLayer ? { kind: "layer", layer } : { kind: "join", op: operation.node.opType });
      if (isLayer) nodeOf.set(layer, node);
      for (const source of found) connect(source, node);
      sources.set(operation, node);
    } else if (operation.node.opType !== "Shape" && operation.node.opType !== "Size") {
      for (const source of found) sources.set(operation, source);
    }
  }
  return { nodes, edges };
}

/** The operations that some operations depend on, and those themselves, each after what it depends on. */
function inOrder(last: readonly Operation[]): readonly Operation[] {
  const order = new Set<Operation>();
  const entered = new Set<Operation>();
  const open = last.toReversed();
  for (let operation = open.at(-1); operation !== undefined; operation = open.at(-1)) {
    if (entered.has(operation)) {
      order.add(operation);
      open.pop();
    } else {
      entered.add(operation);
      open.push(
        ...before(operation)
          .filter((earlier) => !entered.has(earlier))
          .toReversed(),
      );
    }
  }
  return [...order];
}

function before({ inputs }: Operation): readonly Operation[] {
  return inputs.flatMap((input) => (input?.origin.kind === "operation" ? [input.origin.operation] : []));
}
