// An MLP of the cache for peers whose networks are written here: weights by layer, and the batches.
import { join } from "node:path";
import { Unsupported } from "./protocol.mjs";
import { examplesOf, isUpdate, manifestOf, readFloats, workloadNamed } from "./workloads.mjs";

/**
 * @typedef {{ readonly data: Float32Array, readonly dims: readonly number[] }} FloatArray
 * @typedef {{ readonly data: Float32Array | Int32Array, readonly dims: readonly number[] }} TargetArray
 */

/**
 * Layers of y = x Wᵀ + b with ReLU between them; class numbers as int32.
 * @param {string} folder @param {string} name @throws Unsupported for other networks
 */
export function mlpOf(folder, name) {
  const workload = workloadNamed(name);
  if (isUpdate(workload) || workload.network.sizes === undefined) throw new Unsupported("is written for MLPs alone");
  const { batch, batches: count, loss, target } = workload;
  const values = readFloats(join(folder, `${name}.weights.bin`));
  let position = 0;
  const weights = new Map(
    manifestOf(folder, name).weights.map(({ name: weight, shape }) => {
      const size = shape.reduce((product, extent) => product * extent, 1);
      position += size;
      return [weight, { data: values.slice(position - size, position), dims: shape }];
    }),
  );
  const layers = workload.network.sizes.slice(1).map((_, layer) => {
    const [weight, bias] = [weights.get(`${2 * layer}.weight`), weights.get(`${2 * layer}.bias`)];
    if (weight === undefined || bias === undefined) throw new Error(`${name} has no weights of layer ${layer}`);
    return { weight, bias };
  });
  const examples = examplesOf(folder, workload, count);
  const batches = Array.from({ length: count }, (_, index) => ({
    input: inputOf(examples.input, index, count, batch),
    target: targetOf(examples.target, index, count, batch),
  }));
  return { layers, batches, loss, classes: target.classes ?? 0 };
}

/** Floats, or class numbers. @typedef {{ readonly data: Float32Array | BigInt64Array, readonly dims: readonly number[] }} Examples */

/** @param {Examples} whole @param {number} index @param {number} count @param {number} batch */
function inputOf(whole, index, count, batch) {
  const { data, dims } = targetOf(whole, index, count, batch);
  if (data instanceof Int32Array) throw new Unsupported("is written for inputs of floats alone");
  return { data, dims };
}

/** @param {Examples} whole @param {number} index @param {number} count @param {number} batch */
function targetOf({ data, dims: [, ...shape] }, index, count, batch) {
  const size = data.length / count;
  const dims = [batch, ...shape];
  const [start, end] = [index * size, (index + 1) * size];
  if (data instanceof BigInt64Array) return { data: Int32Array.from(data.subarray(start, end), Number), dims };
  return { data: data.slice(start, end), dims };
}
