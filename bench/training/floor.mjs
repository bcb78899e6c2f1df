// What no training step of a workload can be faster than, by what the machine was measured to do.
import { isUpdate, manifestOf } from "./workloads.mjs";

/** Read the parameter, both moments and the gradient; write the parameter and both moments: float32. */
export const UPDATED_BYTES = 7 * 4;

/** @typedef {{ readonly parameters: number, readonly flops: number, readonly bytes: number, readonly seconds: number }} Floor */

/**
 * FLOPs of matrix products and convolutions, forward and backward, at the speed of a large product; after them the update,
 * and the batch once, at the speed of a copy.
 * @param {import("./workloads.mjs").Workload} workload @param {string} folder @param {import("./machine.mjs").Peak} peak
 * @returns {Floor}
 */
export function floorOf(workload, folder, peak) {
  const { parameters, flops, batch } = isUpdate(workload)
    ? { parameters: workload.network.layers * workload.network.width ** 2, flops: 0, batch: 0 }
    : { ...manifestOf(folder, workload.name), batch: batchBytes(workload) };
  const bytes = parameters * UPDATED_BYTES + batch;
  return { parameters, flops, bytes, seconds: flops / peak.flops + bytes / peak.bytes };
}

/** @param {import("./workloads.mjs").TrainingWorkload} workload */
function batchBytes({ batch, input, target }) {
  const size = (/** @type {readonly number[]} */ shape) => shape.reduce((product, extent) => product * extent, 1);
  const bytes = (/** @type {number | undefined} */ limit) => (limit === undefined ? 4 : 8);
  return batch * (size(input.shape) * bytes(input.limit) + size(target.shape) * bytes(target.classes));
}
