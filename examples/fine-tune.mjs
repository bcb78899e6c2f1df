// Fine-tuning: a model keeps all of its weights but those of its head, which learns new classes from arrays in memory.
// Then all of it learns, for comparison.
//
//   npm run build && node examples/fine-tune.mjs
//
// The model is a small BERT with a classifier of three classes, as PyTorch exported it; its weights are random, so that a
// head on them comes only so far. The task: which of three topics most of the 12 words of a sentence are from.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as caadam from "caadam-onnx";

const model = caadam.readModel(
  fileURLToPath(new URL("../fixtures/pytorch/bert_classifier.dynamo.onnx", import.meta.url)),
);
const [training, validation] = [sentences(1000, 1), sentences(300, 2)];

/** @type {import("caadam-onnx").TrainOptions} */
const options = { loss: { name: "softmax-cross-entropy" }, epochs: 10, learningRate: 0.003 };
const before = await caadam.evaluate(model, validation, options);
console.log(`before: accuracy ${percent(before.metrics["accuracy"])}`);

const head = { ...options, freeze: ["*"], train: ["classifier.*"], epochs: 20, learningRate: 0.03 };
const result = await learn("the head alone", head);
await learn("all parameters", options);

// The file of the model with a new head: every other byte is as it was.
const floats = [...result.values].flatMap(([name, tensor]) =>
  tensor.type === "float32" ? [/** @type {const} */ ([name, tensor])] : [],
);
const folder = mkdtempSync(join(tmpdir(), "fine-tune-"));
caadam.writeTrainedModel(model, new Map(floats), join(folder, "fine-tuned.onnx"));
const written = caadam.readModel(join(folder, "fine-tuned.onnx"));
const after = await caadam.evaluate(written, validation, options);
console.log(
  `fine-tuned.onnx: accuracy ${percent(after.metrics["accuracy"])}, new are ${[...result.values.keys()].join(", ")}`,
);
rmSync(folder, { recursive: true });

/** Trains, and says how it went. @param {string} what @param {import("caadam-onnx").TrainOptions} how */
async function learn(what, how) {
  const trained = await caadam.train(model, { training, validation }, how).result();
  const { metrics = {}, loss = NaN } = trained.history.at(-1) ?? {};
  const elements = trained.table.parameters.reduce((sum, row) => sum + row.elements, 0);
  console.log(`${what}: ${elements} weights, loss ${loss.toFixed(4)}, accuracy ${percent(metrics["accuracy"])}`);
  return trained;
}

function percent(share = NaN) {
  return `${(share * 100).toFixed(1)} %`;
}

/** Sentences by the numbers of their words, with their topics. @param {number} count @param {number} seed */
function sentences(count, seed) {
  const words = 12;
  const random = caadam.randomOf(seed, "sentences");
  const below = (/** @type {number} */ limit) => Math.floor((random() / 2 ** 32) * limit);
  const topics = Array.from({ length: count }, () => below(3));
  // The words of a topic are ten numbers; a third of a sentence is about something else.
  const texts = topics.map((topic) =>
    Array.from({ length: words }, () => 1 + below(10) + 10 * (below(3) === 0 ? below(3) : topic)),
  );
  const all = (/** @type {number} */ value) => texts.map(() => Array.from({ length: words }, () => value));
  // What is an integer in the model becomes one, by what the model says of its inputs.
  const { contract } = caadam.rewrite(model, { loss: { name: "softmax-cross-entropy" }, emit: ["gradient"] });
  return caadam.datasetFrom(
    { input_ids: texts, attention_mask: all(1), token_type_ids: all(0), target: topics },
    contract.artifacts.gradient?.inputs,
  );
}
