import { BLOCKED_DOMAIN } from "../passes/blocked/blocks.js";
import { inBlocks } from "../passes/blocked/in-blocks.js";
import type { Artifact } from "../passes/training/artifact.js";
import type { ContractPack } from "../passes/training/contract.js";
import type { Kernels } from "../passes/training/gradient-artifact.js";
import { packed } from "../passes/training/pack.js";
import type { TrainingPlan } from "../passes/training/rewrite.js";
import { channelBlock } from "./channel-block.js";

/** What batches of a size may be computed with; undefined where an artifact has no use for it. */
export async function kernelsFor(artifact: Artifact | undefined, batchSize: number): Promise<Kernels | undefined> {
  const hasConvolutions = artifact?.graph.nodes.some(({ opType }) => opType === "Conv") === true;
  const block = hasConvolutions ? await channelBlock() : undefined;
  return block === undefined ? undefined : { batchSize, channelBlock: block };
}

/** An artifact with the kernels that the runtime has. */
export function withKernels(artifact: Artifact, kernels: Kernels | undefined): Artifact {
  return kernels === undefined ? artifact : { ...artifact, graph: inBlocks(artifact.graph, kernels.channelBlock) };
}

/** The gradient of full batches; undefined where it has none of the kernels. */
export function gradientOfFullBatches(
  { gradientFor }: Pick<TrainingPlan, "gradientFor">,
  packs: readonly ContractPack[],
  kernels: Kernels | undefined,
): Artifact | undefined {
  const gradient = kernels && gradientFor?.(kernels);
  const artifact = gradient && withKernels(packed(gradient, packs), kernels);
  return artifact?.graph.nodes.some(({ domain }) => domain === BLOCKED_DOMAIN) === true ? artifact : undefined;
}
