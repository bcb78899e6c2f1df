import type { Tensor } from "onnxruntime-node";
import { standardModel } from "../../graph/standard-model.js";
import type { StepNumbers } from "../../passes/optimizer/step-numbers.js";
import type { Artifact } from "../../passes/training/artifact.js";
import type { ContractTensor } from "../../passes/training/contract.js";
import { tensorsOf } from "../call.js";
import { runtimeTensor } from "../session.js";
import type { Sessions } from "../sessions.js";
import type { FusedUpdate } from "./fused-update.js";

/** What moves the state of a training by its gradients. */
export interface Update {
  run(numbers: StepNumbers): Promise<void>;
}

/**
 * An update as it is run: in one pass where there is one, else by a session.
 * @param fused whose memory the state has
 * @param tensorOf the memory of all inputs and outputs
 * @param setNumbers writes the numbers of a step to where sessions read them
 */
export async function openUpdate(
  { graph, contract }: Artifact,
  fused: FusedUpdate | undefined,
  tensorOf: (port: ContractTensor) => Tensor | undefined,
  setNumbers: (numbers: StepNumbers) => void,
  sessions: Sessions,
): Promise<Update> {
  if (fused === undefined) {
    const session = await sessions.openInPlace(standardModel(graph, "update.onnx"));
    const [feeds, outputs] = [tensorsOf(contract.inputs, tensorOf), tensorsOf(contract.outputs, tensorOf)];
    return {
      run: async (numbers) => {
        setNumbers(numbers);
        await session.run(feeds, outputs);
      },
    };
  }
  const { rest } = fused;
  const session = rest && (await sessions.openInPlace(standardModel(rest.graph, "clip.onnx")));
  const feeds = tensorsOf(rest?.inputs ?? [], tensorOf);
  const outputs = Object.fromEntries([...(rest?.outputs ?? [])].map(([name, tensor]) => [name, runtimeTensor(tensor)]));
  return {
    run: async (numbers) => {
      setNumbers(numbers);
      await session?.run(feeds, outputs);
      fused.run(numbers);
    },
  };
}
