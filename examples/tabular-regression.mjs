// A table of numbers and text: an MLP predicts prices, and the file that comes out takes the table's own columns.
//
//   npm run build && node examples/tabular-regression.mjs
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import * as caadam from "caadam-onnx";

const folder = mkdtempSync(join(tmpdir(), "tabular-regression-"));
const path = (/** @type {string} */ name) => join(folder, name);
caadam.writeFile(path("houses.csv"), houses(2000));

// Two numbers, and a text of three categories: five features.
caadam.writeFile(path("model.onnx"), [caadam.encodeModel(caadam.newMlp({ sizes: [5, 32, 16, 1] }))]);
const model = caadam.readModel(path("model.onnx"));

/** @type {import("caadam-onnx").TrainOptions} */
const options = { loss: "mse", epochs: 60, schedule: { name: "cosine", warmupEpochs: 1 } };
const { contract } = caadam.rewrite(model, { ...options, emit: ["gradient"] });
const data = await caadam.assembleFor(
  contract,
  [await caadam.openSource(path("houses.csv"))],
  { target: "price", standardize: true, standardizeTarget: true, oneHot: ["place"], missing: "drop" },
  { validation: 0.2, test: 0.2 },
);
console.log(`${data.training.count} examples to train on, ${data.dropped} without an area left out`);

const run = caadam.train(model, { ...data, description: data.preprocessing }, options);
for await (const event of run) {
  if (event.event !== "epoch" || event.epoch % 10 !== 0) continue;
  console.log(
    `epoch ${event.epoch}: loss ${event.loss.toFixed(4)}, of the validation ${event.validationLoss?.toFixed(4)}`,
  );
}
const { values } = await run.result();
if (data.test === undefined) throw new Error("a test split was asked for");
const { metrics } = await caadam.evaluate(model, data.test, { ...options, values });
console.log(`of ${data.test.count} examples that training did not see: r2 ${metrics["r2"]?.toFixed(3)}`);
data.close();

// The same model with these weights; then one that takes raw columns, and predicts prices.
caadam.writeTrainedModel(model, values, path("trained.onnx"));
const outputs = caadam.trainedOutputs(contract.loss, data.preprocessing);
caadam.writeFoldedModel(model, values, path("folded.onnx"), data.preprocessing, { outputs });
const session = await InferenceSession.create(path("folded.onnx"));
const feeds = {
  area: new Tensor("float32", [100], [1, 1]),
  age: new Tensor("float32", [10], [1, 1]),
  place: new Tensor("string", ["sea"], [1, 1]),
};
const { output } = await session.run(feeds);
const right = price(100, 10, "sea").toFixed(0);
console.log(`100 m², 10 years, at the sea: ${Number(output?.data[0]).toFixed(0)} (right: ${right})`);
rmSync(folder, { recursive: true });

/** What the network has to find out. @param {number} area @param {number} age @param {string | undefined} place */
function price(area, age, place) {
  return (1000 * area * (place === "sea" ? 2 : place === "town" ? 1.5 : 1)) / (1 + age / 50);
}

/** A table with noise and empty cells. @param {number} count */
function houses(count) {
  const random = caadam.randomOf(0, "houses");
  const draw = () => random() / 2 ** 32;
  const rows = Array.from({ length: count }, () => {
    const [area, age, place] = [30 + 170 * draw(), 60 * draw(), ["land", "town", "sea"][Math.floor(3 * draw())]];
    const paid = price(area, age, place) * (0.9 + 0.2 * draw());
    return [draw() < 0.01 ? "" : area.toFixed(0), age.toFixed(0), place, paid.toFixed(0)];
  });
  return [["area", "age", "place", "price"], ...rows].map((row) => `${row.join(",")}\n`).join("");
}
