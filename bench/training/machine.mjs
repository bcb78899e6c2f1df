// What the machine is, and what it can do at most: products of matrices, and copies of memory.
import { arch, availableParallelism, cpus, loadavg, platform, release, totalmem } from "node:os";
import { Worker } from "node:worker_threads";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { encodeModel, graphBuilder, modelOf } from "../../dist/src/index.js";

const MATRIX = 1536;
const PRODUCTS = 12;
const COPIED_BYTES = 2 ** 28;
const COPY_SECONDS = 1;

/** @typedef {{ readonly flops: number, readonly bytes: number }} Peak A second's FLOPs, and bytes read and written. */

export function machineOf() {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memory: totalmem(),
    system: `${platform()} ${release()} ${arch()}`,
    /** Others at work make all numbers doubtful. */
    load: loadavg()[0] ?? 0,
  };
}

/** @param {number} threads @returns {Promise<Peak>} */
export async function peakOf(threads) {
  return { flops: await productPeak(threads), bytes: await copyPeak(threads) };
}

/** The best of some products of large matrices by ONNX Runtime: two FLOPs for each multiplication. @param {number} threads */
async function productPeak(threads) {
  const graph = graphBuilder("product");
  const shape = [MATRIX, MATRIX];
  const [a, b] = [graph.input("a", "float32", shape), graph.input("b", "float32", shape)];
  graph.output(graph.node("MatMul", [a, b]), "float32", shape);
  const options = { intraOpNumThreads: threads, logSeverityLevel: /** @type {const} */ (4) };
  const session = await InferenceSession.create(encodeModel(modelOf(graph.graph())), options);
  const values = Float32Array.from({ length: MATRIX * MATRIX }, (_, index) => (index % 17) / 17);
  const feeds = { a: new Tensor("float32", values, shape), b: new Tensor("float32", values.slice(), shape) };
  let best = Number.POSITIVE_INFINITY;
  for (let product = 0; product < PRODUCTS; product++) {
    const start = performance.now();
    await session.run(feeds);
    best = Math.min(best, performance.now() - start);
  }
  await session.release();
  return (2 * MATRIX ** 3) / (best / 1000);
}

const copier = `
const { parentPort, workerData: { bytes, seconds } } = require("node:worker_threads");
const from = new Uint8Array(bytes).fill(1), to = new Uint8Array(bytes).fill(2);
parentPort.postMessage("ready");
parentPort.once("message", () => {
  let best = Infinity;
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    const start = performance.now();
    to.set(from);
    best = Math.min(best, performance.now() - start);
  }
  parentPort.postMessage((2 * bytes) / (best / 1000));
});`;

/** Every thread copies memory of its own, all at once: bytes read and written in the best second. @param {number} threads */
async function copyPeak(threads) {
  const workerData = { bytes: COPIED_BYTES / threads, seconds: COPY_SECONDS };
  const workers = Array.from({ length: threads }, () => new Worker(copier, { eval: true, workerData }));
  const next = (/** @type {Worker} */ worker) =>
    new Promise((/** @type {(value: unknown) => void} */ resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
  await Promise.all(workers.map(next));
  const speeds = workers.map(next);
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker thread has no origin
  for (const worker of workers) worker.postMessage("start");
  const found = await Promise.all(speeds);
  return found.reduce((/** @type {number} */ sum, speed) => sum + Number(speed), 0);
}
