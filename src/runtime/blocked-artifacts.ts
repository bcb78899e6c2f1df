import { InputError } from "../graph/errors.js";
import { BLOCKED_DOMAIN } from "../passes/blocked/blocks.js";
import { inBlocks } from "../passes/blocked/in-blocks.js";
import type { Artifact } from "../passes/training/artifact.js";
import type { ContractPack, ContractTensor } from "../passes/training/contract.js";
import type { BlockedBatches } from "../passes/training/gradient-artifact.js";
import { packed } from "../passes/training/pack.js";
import type { TrainingPlan } from "../passes/training/rewrite.js";
import { channelBlock } from "./channel-block.js";

/**
 * How many channels are in a block of the runtime's convolutions; undefined where it has none, and for an artifact that
 * has no use for them.
 */
export async function channelBlockFor(artifact: Artifact | undefined): Promise<number | undefined> {
  const isOfImages = ({ role, dtype, shape }: ContractTensor) =>
    role === "parameter" && dtype === "float32" && shape?.length === 4;
  return artifact?.contract.inputs.some(isOfImages) === true ? channelBlock() : undefined;
}

/** An artifact whose convolutions are in blocks, if there are such. */
export function blockedArtifact(artifact: Artifact, block: number | undefined): Artifact {
  return block === undefined ? artifact : { ...artifact, graph: inBlocks(artifact.graph, block) };
}

/**
 * The gradient of full batches; undefined where nothing of it is in blocks, and for a model that does not take batches of
 * this size.
 */
export function gradientOfFullBatches(
  { gradientFor }: Pick<TrainingPlan, "gradientFor">,
  packs: readonly ContractPack[],
  batches: BlockedBatches,
): Artifact | undefined {
  try {
    const gradient = gradientFor?.(batches);
    const artifact = gradient && blockedArtifact(packed(gradient, packs), batches.channelBlock);
    return artifact?.graph.nodes.some(({ domain }) => domain === BLOCKED_DOMAIN) === true ? artifact : undefined;
  } catch (error) {
    // The graph for any batch says what is wrong, if it is asked.
    if (error instanceof InputError) return undefined;
    throw error;
  }
}
