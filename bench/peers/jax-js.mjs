// jax-js on WebAssembly: the whole step one compiled function, MLPs alone. Adam is written out here, as its package of
// optimizers is not published with it.
//   node bench/peers/jax-js.mjs CACHE PACKAGES
// Pinned: @jax-js/jax 0.1.25, installed in PACKAGES (README.md).
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { mlpOf } from "../training/mlp.mjs";
import { CHECKED_STEPS, measured, serve } from "../training/protocol.mjs";

/**
 * What is used of the library, whose types are not installed. An array given to a function is gone; `ref` keeps it.
 * @typedef {{
 *   readonly ref: Values,
 *   add(other: Values | number): Values, sub(other: Values): Values, mul(other: Values | number): Values, div(other: Values): Values,
 *   sum(axis?: number): Values, mean(): Values,
 *   dispose(): void, data(): Promise<ArrayLike<number>>,
 * }} Values
 * @typedef {readonly [weights: Values[], means: Values[], squares: Values[]]} State
 * @typedef {(state: State, input: Values, target: Values, corrections: Values[]) => readonly [State, Values]} Step
 * @typedef {{
 *   init(device: string): Promise<readonly string[]>,
 *   defaultDevice(device: string): string,
 *   jit(step: Step): Step,
 *   valueAndGrad(loss: (weights: Values[], input: Values, target: Values) => Values): (weights: Values[], input: Values, target: Values) => readonly [Values, Values[]],
 *   blockUntilReady(state: unknown): Promise<unknown>,
 *   nn: { relu(x: Values): Values, logSoftmax(x: Values): Values },
 *   numpy: {
 *     array(data: Float32Array, options: { shape: readonly number[] }): Values,
 *     zeros(shape: readonly number[]): Values,
 *     matmul(a: Values, b: Values): Values, sqrt(x: Values): Values, square(x: Values): Values,
 *   },
 * }} Library
 */

const [folder = "", packages = ""] = process.argv.slice(2);
/** @type {{ step: (batch: number) => Values, batches: number, wait: () => Promise<unknown>, close: () => void } | undefined} */
let trainer;

await serve(async () => {
  const require = createRequire(resolve(packages, "package.json"));
  /** @type {Library} */
  // oxlint-disable-next-line typescript/no-unsafe-assignment -- its types are not installed
  const jax = await import(pathToFileURL(require.resolve("@jax-js/jax")).href);
  await jax.init("wasm");
  jax.defaultDevice("wasm");
  /** @type {{ version: string }} */
  // oxlint-disable-next-line typescript/no-unsafe-assignment -- every package has one
  const { version } = require(join(resolve(packages), "node_modules", "@jax-js", "jax", "package.json"));
  return {
    versions: { "@jax-js/jax": version },
    served: {
      prepare: async (name) => {
        const start = performance.now();
        trainer = prepare(jax, name);
        const losses = [await lossOf(trainer.step(0))];
        const firstStep = (performance.now() - start) / 1000;
        while (losses.length < CHECKED_STEPS) losses.push(await lossOf(trainer.step(0)));
        return { losses, firstStep };
      },
      run: async (seconds) => {
        const { step, batches, wait } = trainer ?? raise("nothing is prepared");
        let position = 0;
        return await measured(async (steps) => {
          for (let count = 0; count < steps; count++) step(position++ % batches).dispose();
          await wait();
        }, seconds);
      },
      release: async () => {
        trainer?.close();
        trainer = undefined;
      },
    },
  };
});

/** @param {Library} jax @param {string} name */
function prepare(jax, name) {
  const { layers, batches, loss, classes } = mlpOf(folder, name);
  const { numpy, nn } = jax;
  /** @param {Values[]} weights @param {Values} input */
  const forward = (weights, input) => {
    let x = input;
    for (let layer = 0; layer < layers.length; layer++) {
      const [kernel, bias] = [weights[2 * layer] ?? raise("no kernel"), weights[2 * layer + 1] ?? raise("no bias")];
      const y = numpy.matmul(x, kernel).add(bias);
      x = layer < layers.length - 1 ? nn.relu(y) : y;
    }
    return x;
  };
  const gradient = jax.valueAndGrad((weights, input, target) =>
    loss === "mse"
      ? numpy.square(forward(weights, input).sub(target)).mean()
      : nn.logSoftmax(forward(weights, input)).mul(target).sum(-1).mean().mul(-1),
  );
  const compiled = jax.jit(([weights, means, squares], input, target, [rate, root, epsilon]) => {
    const [value, gradients] = gradient(
      weights.map(({ ref }) => ref),
      input,
      target,
    );
    if (rate === undefined || root === undefined || epsilon === undefined) throw new Error("no corrections");
    const first = means.map((m, index) => m.mul(0.9).add((gradients[index] ?? raise("no gradient")).ref.mul(0.1)));
    const second = squares.map((v, index) =>
      v.mul(0.999).add(numpy.square(gradients[index] ?? raise("no gradient")).mul(0.001)),
    );
    const moved = weights.map((w, index) => {
      const [m, v] = [first[index] ?? raise("no moment"), second[index] ?? raise("no moment")];
      return w.sub(m.ref.mul(rate.ref).div(numpy.sqrt(v.ref).div(root.ref).add(epsilon.ref)));
    });
    for (const number of [rate, root, epsilon]) number.dispose();
    return [[moved, first, second], value];
  });
  const kernels = layers.flatMap(({ weight, bias }) => [transposed(weight), bias]);
  const zeros = () => kernels.map(({ dims }) => numpy.zeros(dims));
  /** @type {State} */
  let state = [kernels.map(({ data, dims }) => numpy.array(data, { shape: dims })), zeros(), zeros()];
  const tensors = batches.map(({ input, target }) => {
    const { data, dims } = target;
    const wanted = data instanceof Int32Array ? oneHot(data, classes) : { data, dims };
    return {
      input: numpy.array(input.data, { shape: input.dims }),
      target: numpy.array(wanted.data, { shape: wanted.dims }),
    };
  });
  let steps = 0;
  const scalar = (/** @type {number} */ value) => numpy.array(Float32Array.of(value), { shape: [] });
  return {
    batches: tensors.length,
    step: (/** @type {number} */ batch) => {
      steps++;
      const { input, target } = tensors[batch] ?? raise("there is no such batch");
      const corrections = [0.001 / (1 - 0.9 ** steps), Math.sqrt(1 - 0.999 ** steps), 1e-8].map(scalar);
      const [next, value] = compiled(state, input.ref, target.ref, corrections);
      state = next;
      return value;
    },
    wait: () => jax.blockUntilReady(state),
    close: () => {
      for (const values of state.flat()) values.dispose();
      for (const { input, target } of tensors) for (const values of [input, target]) values.dispose();
    },
  };
}

/** @param {import("../training/mlp.mjs").FloatArray} matrix */
function transposed({ data, dims: [rows = 0, columns = 0] }) {
  const moved = Float32Array.from(data, (_, index) => data[(index % rows) * columns + Math.floor(index / rows)] ?? 0);
  return { data: moved, dims: [columns, rows] };
}

/** @param {Int32Array} classes @param {number} count */
function oneHot(classes, count) {
  const data = new Float32Array(classes.length * count);
  for (const [example, index] of classes.entries()) data[example * count + index] = 1;
  return { data, dims: [classes.length, count] };
}

/** @param {Values} value */
async function lossOf(value) {
  return (await value.data())[0] ?? Number.NaN;
}

/** @param {string} message @returns {never} */
function raise(message) {
  throw new Error(message);
}
