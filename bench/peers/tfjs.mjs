// TensorFlow.js on its WebAssembly backend, which has one thread in Node.js and SIMD: MLPs alone, as it has no gradient of
// convolutions.
//   node bench/peers/tfjs.mjs CACHE PACKAGES
// Pinned: @tensorflow/tfjs 4.22.0, @tensorflow/tfjs-backend-wasm 4.22.0, installed in PACKAGES (README.md).
import { createRequire } from "node:module";
import { dirname, resolve } from "node:path";
import { mlpOf } from "../training/mlp.mjs";
import { CHECKED_STEPS, measured, serve } from "../training/protocol.mjs";

/**
 * What is used of the library, whose types are not installed.
 * @typedef {{ dispose(): void, dataSync(): Float32Array }} Tensor
 * @typedef {{
 *   setBackend(name: string): Promise<boolean>,
 *   ready(): Promise<void>,
 *   version_core: string,
 *   tensor(data: Float32Array | Int32Array, shape: readonly number[], type: string): Tensor,
 *   variable(initial: Tensor): Tensor,
 *   tidy<Result>(work: () => Result): Result,
 *   matMul(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor,
 *   add(a: Tensor, b: Tensor): Tensor,
 *   relu(x: Tensor): Tensor,
 *   oneHot(x: Tensor, depth: number): Tensor,
 *   losses: { meanSquaredError(y: Tensor, p: Tensor): Tensor, softmaxCrossEntropy(y: Tensor, p: Tensor): Tensor },
 *   train: { adam(rate: number, beta1: number, beta2: number, epsilon: number): { minimize(loss: () => Tensor, isLossWanted: boolean): Tensor, dispose(): void } },
 * }} Library
 */

const [folder = "", packages = ""] = process.argv.slice(2);

/** @type {{ step: (batch: number) => Tensor, batches: number, close: () => void } | undefined} */
let trainer;

await serve(async () => {
  const tf = await library();
  return {
    versions: { "@tensorflow/tfjs": tf.version_core },
    served: {
      prepare: async (name) => {
        const start = performance.now();
        trainer = prepare(tf, name);
        const losses = [lossOf(trainer.step(0))];
        const firstStep = (performance.now() - start) / 1000;
        while (losses.length < CHECKED_STEPS) losses.push(lossOf(trainer.step(0)));
        return { losses, firstStep };
      },
      run: async (seconds) => {
        const { step, batches } = trainer ?? raise("nothing is prepared");
        let position = 0;
        return await measured((steps) => {
          for (let count = 0; count < steps; count++) step(position++ % batches).dispose();
        }, seconds);
      },
      release: async () => {
        trainer?.close();
        trainer = undefined;
      },
    },
  };
});

/** @returns {Promise<Library>} */
async function library() {
  const require = createRequire(resolve(packages, "package.json"));
  console.log = console.error; // standard output is for answers
  /** @type {Library} */
  // oxlint-disable-next-line typescript/no-unsafe-assignment -- its types are not installed
  const tf = require("@tensorflow/tfjs");
  /** @type {{ setWasmPaths(folder: string): void }} */
  // oxlint-disable-next-line typescript/no-unsafe-assignment -- its types are not installed
  const wasm = require("@tensorflow/tfjs-backend-wasm");
  wasm.setWasmPaths(`${dirname(require.resolve("@tensorflow/tfjs-backend-wasm/package.json"))}/dist/`);
  await tf.setBackend("wasm");
  await tf.ready();
  return tf;
}

/** @param {Library} tf @param {string} name */
function prepare(tf, name) {
  const { layers, batches, loss, classes } = mlpOf(folder, name);
  const variables = layers.map(({ weight, bias }) => ({
    weight: tf.variable(tf.tensor(weight.data, weight.dims, "float32")),
    bias: tf.variable(tf.tensor(bias.data, bias.dims, "float32")),
  }));
  const tensors = batches.map(({ input, target }) => ({
    input: tf.tensor(input.data, input.dims, "float32"),
    target: tf.tensor(target.data, target.dims, target.data instanceof Int32Array ? "int32" : "float32"),
  }));
  const adam = tf.train.adam(0.001, 0.9, 0.999, 1e-8);
  /** @param {Tensor} input */
  const forward = (input) =>
    variables.reduce((x, { weight, bias }, index) => {
      const y = tf.add(tf.matMul(x, weight, false, true), bias);
      return index < variables.length - 1 ? tf.relu(y) : y;
    }, input);
  return {
    batches: tensors.length,
    step: (/** @type {number} */ batch) =>
      adam.minimize(() => {
        const { input, target } = tensors[batch] ?? tensors[0] ?? raise("there are no batches");
        return loss === "mse"
          ? tf.losses.meanSquaredError(target, forward(input))
          : tf.losses.softmaxCrossEntropy(tf.oneHot(target, classes), forward(input));
      }, true),
    close: () => {
      adam.dispose();
      for (const { weight, bias } of variables) for (const tensor of [weight, bias]) tensor.dispose();
      for (const { input, target } of tensors) for (const tensor of [input, target]) tensor.dispose();
    },
  };
}

/** @param {Tensor} tensor */
function lossOf(tensor) {
  const [loss = Number.NaN] = tensor.dataSync();
  tensor.dispose();
  return loss;
}

/** @param {string} message @returns {never} */
function raise(message) {
  throw new Error(message);
}
