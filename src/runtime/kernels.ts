import type { Kernels } from "../passes/training/gradient-artifact.js";
import type { TrainingPlan } from "../passes/training/rewrite.js";
import { channelBlock } from "./channel-block.js";

/** What full batches of a training are computed with; undefined where the graph for all batches is as good. */
export async function kernelsFor(
  { gradient }: Pick<TrainingPlan, "gradient">,
  { batchSize }: { readonly batchSize: number },
): Promise<Kernels | undefined> {
  const hasConvolutions = gradient?.graph.nodes.some(({ opType }) => opType === "Conv") === true;
  const block = hasConvolutions ? await channelBlock() : undefined;
  return block === undefined ? undefined : { batchSize, channelBlock: block };
}
