import { InputError } from "../graph/errors.js";
import { BLOCKED_DOMAIN } from "../passes/blocked/blocks.js";
import { inBlocks } from "../passes/blocked/in-blocks.js";
import type { Artifact } from "../passes/training/artifact.js";
import type { ContractPack, ContractTensor } from "../passes/training/contract.js";
import type { Kernels } from "../passes/training/gradient-artifact.js";
import { packed } from "../passes/training/pack.js";
import type { TrainingPlan } from "../passes/training/rewrite.js";
import { channelBlock } from "./channel-block.js";

/** What the runtime has for an artifact. */
export interface RuntimeKernels extends Pick<Kernels, "channelBlock"> {
  /** How many examples are in full batches; undefined where the first one tells. */
  readonly batchSize: number | undefined;
}

/** What an artifact may be computed with besides standard operators; undefined where it has no use for it. */
export async function kernelsFor(
  artifact: Artifact | undefined,
  batchSize?: number,
): Promise<RuntimeKernels | undefined> {
  const isOfImages = ({ role, dtype, shape }: ContractTensor) =>
    role === "parameter" && dtype === "float32" && shape?.length === 4;
  const hasConvolutions = artifact?.contract.inputs.some(isOfImages) === true;
  const block = hasConvolutions ? await channelBlock() : undefined;
  return block === undefined ? undefined : { batchSize, channelBlock: block };
}

/** An artifact with the kernels that the runtime has. */
export function withKernels(artifact: Artifact, kernels: RuntimeKernels | undefined): Artifact {
  return kernels === undefined ? artifact : { ...artifact, graph: inBlocks(artifact.graph, kernels.channelBlock) };
}

/**
 * The gradient of full batches; undefined where it has none of the kernels, and for a model that does not take batches of
 * this size.
 */
export function gradientOfFullBatches(
  { gradientFor }: Pick<TrainingPlan, "gradientFor">,
  packs: readonly ContractPack[],
  kernels: Kernels,
): Artifact | undefined {
  try {
    const gradient = gradientFor?.(kernels);
    const artifact = gradient && withKernels(packed(gradient, packs), kernels);
    return artifact?.graph.nodes.some(({ domain }) => domain === BLOCKED_DOMAIN) === true ? artifact : undefined;
  } catch (error) {
    // The graph for any batch says what is wrong, if it is asked.
    if (error instanceof InputError) return undefined;
    throw error;
  }
}
