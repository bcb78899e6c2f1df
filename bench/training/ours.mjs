// caadam-onnx as a peer: training by the public `train`, over a dataset in memory, asked for its events step by step.
//   node bench/training/ours.mjs CACHE     (BENCH_THREADS: how many)
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import * as caadam from "../../dist/src/index.js";
import { planTraining } from "../../dist/src/passes/training/rewrite.js";
import { Engine } from "../../dist/src/runtime/engine.js";
import { initialValues } from "../../dist/src/runtime/initial-values.js";
import { CHECKED_STEPS, measured, serve } from "./protocol.mjs";
import { examplesOf, isUpdate, workloadNamed } from "./workloads.mjs";

/**
 * @typedef {import("./workloads.mjs").TrainingWorkload} TrainingWorkload
 * @typedef {import("./workloads.mjs").UpdateWorkload} UpdateWorkload
 * @typedef {{ run(seconds: number): Promise<import("./protocol.mjs").Block>, close(): Promise<void> }} Trainer
 */

const [folder = ""] = process.argv.slice(2);
const threads = Number(process.env["BENCH_THREADS"]);
/** As PyTorch has it. */
const adam = /** @type {const} */ ({
  optimizer: "adam",
  epsilon: 1e-8,
  epsilonPlacement: "torch",
  learningRate: 0.001,
});

/** @type {Trainer | undefined} */
let trainer;

await serve(async () => ({
  versions: { "onnxruntime-node": versionOf("onnxruntime-node"), "caadam-onnx": ownVersion() },
  served: {
    prepare: async (name) => {
      const workload = workloadNamed(name);
      return isUpdate(workload) ? await prepareUpdate(workload) : await prepareTraining(workload);
    },
    run: async (seconds) => {
      if (trainer === undefined) throw new Error("nothing is prepared");
      return await trainer.run(seconds);
    },
    release: async () => {
      await trainer?.close();
      trainer = undefined;
    },
  },
}));

/**
 * Trains the first batch a few times, which also tells how long it takes to begin, and leaves a training that waits.
 * @param {TrainingWorkload} workload
 */
async function prepareTraining(workload) {
  const path = join(folder, `${workload.name}.onnx`);
  /** @type {"mse" | "softmax-cross-entropy"} */
  const name = workload.loss === "mse" ? "mse" : "softmax-cross-entropy";
  const options = {
    ...adam,
    loss: { name },
    batchSize: workload.batch,
    shuffle: false,
    // Of as many as there are cores, small networks take one by themselves.
    ...(threads === availableParallelism() ? {} : { threads }),
  };
  const data = (/** @type {number} */ batches) => {
    const { input, target } = examplesOf(folder, workload, batches);
    return { training: caadam.datasetFrom({ [workload.input.name]: input, target }) };
  };
  const [one, all] = [data(1), data(workload.batches)];

  const start = performance.now();
  const model = caadam.readModel(path);
  /** @type {number[]} */
  const losses = [];
  let [opened, firstStep] = [0, 0];
  for await (const event of caadam.train(model, one, { ...options, epochs: CHECKED_STEPS })) {
    if (event.event === "start") opened = performance.now();
    if (event.event !== "epoch") continue;
    if (losses.length === 0) firstStep = performance.now();
    losses.push(event.loss);
  }
  const events = caadam.train(model, all, { ...options, epochs: 1_000_000 })[Symbol.asyncIterator]();
  trainer = pulled(events);
  return {
    losses,
    firstStep: (firstStep - start) / 1000,
    opened: (opened - start) / 1000,
    annotate: secondsOf(() => annotate(path)),
    rewrite: secondsOf(() => caadam.rewrite(caadam.readModel(path), { ...adam, loss: options.loss })),
  };
}

/**
 * Training runs while its events are asked for: steps and time between two of them, the first one after the pause.
 * @param {AsyncIterator<import("../../dist/src/index.js").TrainingEvent>} events
 * @returns {Trainer}
 */
function pulled(events) {
  let last = 0;
  return {
    run: async (seconds) => {
      const [before, start] = [last, performance.now()];
      for (;;) {
        const next = await events.next();
        if (next.done === true) throw new Error("the training has come to its end");
        const event = next.value;
        if (event.event !== "progress" && event.event !== "epoch") continue;
        const now = performance.now();
        last = event.step;
        if (now - start >= seconds * 1000 && last > before) {
          return { steps: last - before, seconds: (now - start) / 1000 };
        }
      }
    },
    close: async () => {
      await events.return?.();
    },
  };
}

/** The engine's update on gradients that a chain of products has left. @param {UpdateWorkload} workload */
async function prepareUpdate({ network: { layers, width } }) {
  const graph = caadam.graphBuilder("chain");
  let value = graph.input("x", "float32", ["batch", width]);
  const random = caadam.randomOf(0, "weights");
  for (let layer = 0; layer < layers; layer++) {
    const weights = Float32Array.from({ length: width * width }, () => (random() / 2 ** 31 - 1) / Math.sqrt(width / 3));
    const tensor = caadam.tensorFrom(`w${layer}`, "float32", [width, width], new Uint8Array(weights.buffer));
    value = graph.node("MatMul", [value, graph.initializer(tensor)], {}, { name: `layer${layer}` });
  }
  graph.output(value, "float32", ["batch", width]);
  const model = caadam.modelOf(graph.graph());
  const start = performance.now();
  const plan = planTraining(model, { ...adam, loss: { name: "mse" } }, { gradient: true, evaluation: false });
  const engine = await Engine.open(plan, initialValues(model, plan), { threads });
  const ones = new Float32Array(width).fill(1);
  const tensor = /** @type {const} */ ({ type: "float32", data: ones, dims: [1, width] });
  await engine.gradient({ x: tensor, target: tensor }, 0, 1);
  let step = 0;
  const update = async () => {
    step++;
    const numbers = caadam.stepNumbers(plan.optimizer, adam.learningRate, step, "float32");
    await engine.update(numbers, step === 1);
  };
  const train = async (/** @type {number} */ steps) => {
    for (let count = 0; count < steps; count++) await update();
  };
  await train(1);
  const firstStep = (performance.now() - start) / 1000;
  trainer = { run: (seconds) => measured(train, seconds), close: () => engine.close() };
  return { losses: [], firstStep };
}

/** @param {string} path */
function annotate(path) {
  const model = caadam.readModel(path);
  return caadam.scaleTable(model, caadam.scalesOf(caadam.structureOf(model)));
}

/** @param {() => unknown} work */
function secondsOf(work) {
  const start = performance.now();
  work();
  return (performance.now() - start) / 1000;
}

/** @param {string} name */
function versionOf(name) {
  const path = createRequire(import.meta.url).resolve(`${name}/package.json`);
  return /"version":\s*"([^"]*)"/.exec(readFileSync(path, "utf8"))?.[1] ?? "";
}

function ownVersion() {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return /"version":\s*"([^"]*)"/.exec(text)?.[1] ?? "";
}
