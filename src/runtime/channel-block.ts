import { Tensor } from "onnxruntime-node";
import { graphBuilder, int64Tensor, modelOf } from "../graph/builder.js";
import type { Graph } from "../graph/model.js";
import { elementCount } from "../graph/tensor.js";
import { BLOCKED_DOMAIN } from "../passes/blocked/blocks.js";
import { inBlocks } from "../passes/blocked/in-blocks.js";
import { openSession, type Tensors } from "./session.js";

let tried: Promise<number | undefined> | undefined;

/**
 * How many channels are in a block of the runtime's fastest convolutions, which depends on the processor: 16 with
 * AVX-512, 8 with AVX2. Tried out once; undefined where the runtime has no such convolutions, or where they do not compute
 * what the plain ones do.
 */
export function channelBlock(): Promise<number | undefined> {
  return (tried ??= tryOut());
}

async function tryOut(): Promise<number | undefined> {
  try {
    const size = await sizeOfBlock();
    return size !== undefined && (await isRight(size)) ? size : undefined;
  } catch {
    return undefined;
  }
}

/** The second position of the first channel comes behind the first position of all channels of a block. */
async function sizeOfBlock(): Promise<number | undefined> {
  const shape = [1, 32, 1, 2];
  const builder = graphBuilder("size of a block");
  const x = builder.input("x", "float32", shape);
  const y = builder.node("ReorderInput", [x], {}, { outputs: ["y"], domain: BLOCKED_DOMAIN });
  builder.output(y, "float32", shape);
  const numbers = Float32Array.from({ length: 64 }, (_, index) => index);
  const [order] = await results(builder.graph(), { x: new Tensor("float32", numbers, shape) });
  const size = order?.indexOf(1);
  return size === 8 || size === 16 ? size : undefined;
}

/** Whether each kind of operator computes in blocks what it computes plain. */
async function isRight(size: number): Promise<boolean> {
  const builder = graphBuilder("each kind of operator");
  const feeds: Record<string, Tensor> = {};
  const input = (name: string, shape: readonly number[]) => {
    const numbers = Float32Array.from({ length: elementCount(shape) }, (_, index) => {
      return 0.1 + ((index * 7919) % 101) / 101;
    });
    feeds[name] = new Tensor("float32", numbers, shape);
    return builder.input(name, "float32", shape);
  };
  const images = input("images", [2, size, 24, 24]);
  const vector = input("vector", [size]);
  const pads = [1, 1, 1, 1];
  const dense = builder.node("Conv", [images, input("dense", [size, size, 3, 3]), vector], { pads });
  const active = builder.node("Relu", [dense]);
  const deep = builder.node("Conv", [active, input("depthwise", [size, 1, 3, 3])], { pads, group: size });
  const normal = builder.node("BatchNormalization", [deep, vector, vector, vector, vector]);
  const sum = builder.node("Add", [active, normal]);
  const axes = builder.initializer(int64Tensor("axes", [0, 2, 3]));
  const products = builder.node("ReduceSum", [builder.node("Mul", [sum, active]), axes], { keepdims: 0 });
  const means = builder.node("GlobalAveragePool", [sum]);
  for (const output of [sum, products, means]) builder.output(output, "float32");
  const plain = await results(builder.graph(), feeds);
  const blocked = await results(inBlocks(builder.graph(), size), feeds);
  return plain.every((numbers, output) =>
    numbers.every((number, index) => Math.abs((blocked[output]?.[index] ?? NaN) / number - 1) < 1e-3),
  );
}

/** All outputs of a graph. */
async function results(graph: Graph, feeds: Tensors): Promise<readonly (readonly number[])[]> {
  const session = await openSession(modelOf(graph), { threads: 1 });
  try {
    const found = await session.run(feeds);
    return graph.outputs.map(({ name }) => Array.from(found[name]?.data ?? [], Number));
  } finally {
    await session.release();
  }
}
