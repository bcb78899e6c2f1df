import { capturedNames } from "../../graph/bodies.js";
import { Emitter } from "../../graph/emitter.js";
import type { Graph } from "../../graph/model.js";
import { Operators } from "../../graph/operators.js";
import { declaredInputs, replay, replayedGraph, type Rewrite } from "../../graph/replay.js";
import { Blocks, type BlockedRule, isLike } from "./blocks.js";
import { channelWise } from "./channel-wise.js";
import { convolutions } from "./convolution.js";
import { elementWise } from "./element-wise.js";

/**
 * The same graph with convolutions, and what is between them, in the layout of ONNX Runtime's fastest kernels: blocks of
 * channels, one for each lane of a vector register. It has operators of the runtime alone and is never written to files.
 * The runtime itself does this for weights that do not change, and only for them.
 * @param blockSize channels in a block, which depends on the machine
 */
export function inBlocks(graph: Graph, blockSize: number): Graph {
  const emitter = Emitter.into(graph);
  const g = new Operators(emitter);
  const blocks = new Blocks(g, blockSize);
  const inputs = declaredInputs(graph, emitter);
  const readers = readersOf(graph);
  const rewrite: Rewrite = ({ emitter: place, node, inputs: operands }) => {
    if (place !== emitter || node.domain !== "") return undefined;
    const isOnlyReader = (input: number) => readers.get(node.inputs[input] ?? "") === 1;
    return rules.get(node.opType)?.({ blocks, g, node, inputs: operands, isOnlyReader });
  };
  const values = replay(graph, emitter, inputs, {
    initializer: (tensor, inner) => inner.constant(tensor),
    rewrite,
  });
  return replayedGraph(graph, emitter, values);
}

/** How often each value is read, by nodes, by their bodies, and as an output. */
function readersOf({ nodes, outputs }: Graph): ReadonlyMap<string, number> {
  const readers = new Map<string, number>();
  const names = nodes.flatMap((node) => [...node.inputs, ...capturedNames(node)]);
  for (const name of [...names, ...outputs.map((output) => output.name)]) {
    readers.set(name, (readers.get(name) ?? 0) + 1);
  }
  return readers;
}

/** Other shapes of images: with the batch among the channels, blocks stay where they are. */
const reshaping: Readonly<Record<string, BlockedRule>> = {
  Reshape: ({ blocks, g, node, inputs }) => {
    const [x] = inputs;
    const form = blocks.images(x);
    if (form === undefined) return undefined;
    const y = g.op(node.opType, inputs, node.attributes);
    const [first, , height, width] = y.shape ?? [];
    const isOfPlanes = first === 1 && y.shape?.length === 4 && blocks.fits(y);
    const isSame = height === form.shape?.[2] && width === form.shape?.[3];
    if (!isOfPlanes || !isSame || isLike(y, form)) return [y];
    return [blocks.both(y, g.reshape(form, g.shape(y)))];
  },
};

const rules: ReadonlyMap<string, BlockedRule> = new Map(
  Object.entries({ ...convolutions, ...channelWise, ...elementWise, ...reshaping }),
);
