// What is trained: ../workloads.json, and what ../peers/export.py made of it in the cache.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const trained = z.object({
  name: z.string(),
  title: z.string(),
  network: z.object({ kind: z.string(), sizes: z.array(z.number()).optional() }),
  batch: z.number(),
  /** How many the dataset has. */
  batches: z.number(),
  loss: z.enum(["mse", "cross-entropy"]),
  /** Of one example; with a limit token ids below it, otherwise normal numbers. */
  input: z.object({ name: z.string(), shape: z.array(z.number()), limit: z.number().optional() }),
  target: z.object({ shape: z.array(z.number()), classes: z.number().optional() }),
});

/** Nothing but Adam on square matrices. */
const updated = z.object({
  name: z.string(),
  title: z.string(),
  network: z.object({ kind: z.literal("update"), layers: z.number(), width: z.number() }),
});

const exported = z.object({
  key: z.string(),
  weights: z.array(z.object({ name: z.string(), shape: z.array(z.number()) })),
  parameters: z.number(),
  flops: z.number(),
});

/**
 * @typedef {z.infer<typeof trained>} TrainingWorkload
 * @typedef {z.infer<typeof updated>} UpdateWorkload
 * @typedef {TrainingWorkload | UpdateWorkload} Workload
 * @typedef {z.infer<typeof exported>} Manifest
 */

const file = fileURLToPath(new URL("../workloads.json", import.meta.url));
const exporter = fileURLToPath(new URL("../peers/export.py", import.meta.url));
/** What the exported files follow from. */
const sources = ["export.py", "networks.py", "workloads.py"].map(
  (name) => new URL(`../peers/${name}`, import.meta.url),
);

/** In their order. @type {readonly Workload[]} */
export const workloads = z.array(z.union([updated, trained])).parse(JSON.parse(readFileSync(file, "utf8")));

/** @param {Workload} workload @returns {workload is UpdateWorkload} */
export function isUpdate(workload) {
  return "layers" in workload.network;
}

/** @param {string} name */
export function workloadNamed(name) {
  const found = workloads.find((workload) => workload.name === name);
  if (found === undefined) throw new Error(`there is no workload ${name}`);
  return found;
}

/** @param {string} folder @param {string} name @returns {Manifest} */
export function manifestOf(folder, name) {
  return exported.parse(JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")));
}

/**
 * Exports what the cache does not have yet.
 * @param {string} folder @param {readonly Workload[]} wanted @param {string} python
 * @throws where it takes a Python interpreter with PyTorch, and there is none
 */
export function exportWorkloads(folder, wanted, python) {
  const key = createHash("sha256");
  for (const source of [file, ...sources]) key.update(readFileSync(source));
  const digest = key.digest("hex");
  const isCurrent = (/** @type {string} */ name) =>
    existsSync(join(folder, `${name}.json`)) && manifestOf(folder, name).key === digest;
  const missing = wanted.filter((workload) => !isUpdate(workload) && !isCurrent(workload.name));
  if (missing.length === 0) return;
  mkdirSync(folder, { recursive: true });
  const names = missing.map(({ name }) => name);
  const { status, error, stderr } = spawnSync(python, [exporter, folder, digest, ...names], { encoding: "utf8" });
  if (status === 0) return;
  const why = error?.message ?? stderr.trim().split("\n").at(-1);
  throw new Error(`the networks cannot be exported by ${python} (PYTHON=... names an interpreter with torch): ${why}`);
}

/** Raw floats of the cache, little-endian. @param {string} path */
export function readFloats(path) {
  return new Float32Array(bytesOf(path));
}

/** @param {string} path @returns {ArrayBuffer} */
function bytesOf(path) {
  const bytes = readFileSync(path);
  const copy = new ArrayBuffer(bytes.length);
  new Uint8Array(copy).set(bytes);
  return copy;
}

/** The first axis is the example. @param {string} path @param {boolean} isInteger @param {readonly number[]} shape of one example */
function readTensor(path, isInteger, shape) {
  const size = shape.reduce((product, extent) => product * extent, 1);
  const data = isInteger ? new BigInt64Array(bytesOf(path)) : readFloats(path);
  return { data, dims: [data.length / size, ...shape] };
}

/** Inputs and targets of the first batches. @param {string} folder @param {TrainingWorkload} workload @param {number} batches */
export function examplesOf(folder, { name, input, target, batch }, batches) {
  const whole = {
    input: readTensor(join(folder, `${name}.input.bin`), input.limit !== undefined, input.shape),
    target: readTensor(join(folder, `${name}.target.bin`), target.classes !== undefined, target.shape),
  };
  const first = (/** @type {ReturnType<typeof readTensor>} */ { data, dims: [count = 0, ...shape] }) => {
    const examples = Math.min(count, batch * batches);
    return { data: data.slice(0, (data.length / count) * examples), dims: [examples, ...shape] };
  };
  return { input: first(whole.input), target: first(whole.target) };
}
