import { Tensor } from "onnxruntime-node";
import { graphBuilder, modelOf } from "../graph/builder.js";
import { BLOCKED_DOMAIN } from "../passes/blocked/blocks.js";
import { openSession } from "./session.js";

let tried: Promise<number | undefined> | undefined;

/**
 * How many channels are in a block of the runtime's fastest convolutions, which depends on the processor: 16 with
 * AVX-512, 8 with AVX2. Tried out once; undefined where the runtime has no such convolutions.
 */
export function channelBlock(): Promise<number | undefined> {
  return (tried ??= tryOut());
}

async function tryOut(): Promise<number | undefined> {
  const shape = [1, 32, 1, 2];
  const builder = graphBuilder("channel block");
  const x = builder.input("x", "float32", shape);
  const y = builder.node("ReorderInput", [x], {}, { outputs: ["y"], domain: BLOCKED_DOMAIN });
  builder.output(y, "float32", shape);
  try {
    const session = await openSession(modelOf(builder.graph()), { threads: 1 });
    try {
      const numbers = Float32Array.from({ length: 64 }, (_, index) => index);
      const { data = [] } = (await session.run({ x: new Tensor("float32", numbers, shape) }))["y"] ?? {};
      // The second position of the first channel comes behind the first position of all channels of a block.
      const size = Array.from(data, Number).indexOf(1);
      return size === 8 || size === 16 ? size : undefined;
    } finally {
      await session.release();
    }
  } catch {
    return undefined;
  }
}
