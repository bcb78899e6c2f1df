import { InputError } from "../graph/errors.js";
import type { ContractArtifact } from "../passes/training/contract.js";
import { checkFeeds } from "../passes/training/feeds.js";
import { isDataset } from "./batches.js";
import type { Dataset } from "./data/dataset.js";
import type { TrainingData } from "./train-options.js";

/**
 * Checks before anything runs that data have examples, and what the model takes; what streams have only reading tells.
 * @throws InputError that says which data do not fit, and why
 */
export function checkData(data: TrainingData, contract: ContractArtifact, batchSize: number): void {
  const sets = { "training data": data.training, "validation data": data.validation };
  for (const [label, set] of Object.entries(sets)) {
    if (set !== undefined && isDataset(set)) checkDataset(label, set, contract, batchSize);
  }
}

function checkDataset(label: string, { count, fields }: Dataset, contract: ContractArtifact, batchSize: number): void {
  if (count === 0) throw new InputError(`the ${label}`, "have no examples");
  const batch = fields.map(({ name, type, shape }) => [name, { type, dims: [batchSize, ...shape] }] as const);
  const inputs = contract.inputs.filter(({ role }) => role === "feature" || role === "target");
  try {
    checkFeeds({ file: "the model", inputs, outputs: [] }, Object.fromEntries(batch));
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`${label}, ${error.where}`, error.what, error.remedy);
  }
}
