// Images in IDX files, as MNIST ships: a small CNN learns to tell digits apart.
//
//   npm run build && node examples/image-classifier.mjs [train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz]
//
// Without files it draws its own: digits of 3 x 5 points, moved, faint and noisy.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as caadam from "caadam-onnx";

const folder = mkdtempSync(join(tmpdir(), "image-classifier-"));
const [images, labels] = process.argv.length === 4 ? process.argv.slice(2) : drawn(2000);
const sources = await Promise.all([images, labels].map((path = "") => caadam.openSource(path)));
const [height = 0, width = 0] = sources[0]?.columns[0]?.shape ?? [];
const model = caadam.newCnn({ input: [1, height, width], channels: [8, 16], classes: 10 });

/** @type {import("caadam-onnx").TrainOptions} */
const options = { loss: { name: "softmax-cross-entropy" }, metrics: ["accuracy", "top-2"], epochs: 8 };
const { contract } = caadam.rewrite(model, { ...options, emit: ["gradient", "eval"] });
const data = await caadam.assemble(
  contract.artifacts.gradient?.inputs ?? [],
  sources,
  { divideBy: 255, classes: caadam.classCountsOf(contract) },
  { validation: 0.2 },
);
const run = caadam.train(model, data, options);
for await (const event of run) {
  if (event.event !== "epoch") continue;
  const { accuracy = NaN, "top-2": top2 = NaN } = event.metrics;
  const measured = `accuracy ${(accuracy * 100).toFixed(1)} %, right among two ${(top2 * 100).toFixed(1)} %`;
  console.log(`epoch ${event.epoch}: loss ${event.loss.toFixed(4)}, ${measured}`);
}
const { table } = await run.result();
for (const { name, connections, scale } of table.parameters) {
  console.log(`${name.padEnd(13)}${String(connections).padStart(5)} connections, scale ${scale.toFixed(2)}`);
}

if (data.validation !== undefined) {
  const { x, target } = await data.validation.read(Uint32Array.of(0));
  const shades = Array.from(
    x?.type === "float32" ? x.data : [],
    (value) => " .:*#"[Math.min(Math.floor(value * 5), 4)],
  );
  for (let row = 0; row < height; row++) console.log(shades.slice(row * width, (row + 1) * width).join(""));
  console.log(`is a ${target?.data[0]}`);
}
data.close();
rmSync(folder, { recursive: true });

/** Writes images and labels; @returns their paths. @param {number} count */
function drawn(count) {
  const digits = ["75557", "26227", "71747", "71717", "55711", "74717", "74757", "71111", "75757", "75717"];
  const random = caadam.randomOf(0, "digits");
  const below = (/** @type {number} */ limit) => Math.floor((random() / 2 ** 32) * limit);
  const side = 12;
  const pixels = new Uint8Array(count * side * side);
  const classes = Uint8Array.from({ length: count }, () => below(10));
  for (const [image, digit] of classes.entries()) {
    const [left, top, ink] = [below(side - 6), below(side - 10), 100 + below(156)];
    for (let pixel = 0; pixel < side * side; pixel++) {
      const [row, column] = [Math.floor(pixel / side) - top, (pixel % side) - left];
      // A point of the digit is two pixels high and wide; a line of it is the bits of an octal figure.
      const bits = Number(digits[digit]?.[row >> 1] ?? 0);
      const isInk = row >= 0 && column >= 0 && column < 6 && (bits >> (2 - (column >> 1))) % 2 === 1;
      pixels[image * side * side + pixel] = isInk ? ink : below(60);
    }
  }
  return [idx("images", pixels, [count, side, side]), idx("labels", classes, [count])];
}

/** @param {string} name @param {Uint8Array} bytes @param {readonly number[]} dims */
function idx(name, bytes, dims) {
  const header = Buffer.alloc(4 + 4 * dims.length);
  header.set([0, 0, 8, dims.length]);
  for (const [axis, extent] of dims.entries()) header.writeUInt32BE(extent, 4 + 4 * axis);
  caadam.writeFile(join(folder, name), [header, bytes]);
  return join(folder, name);
}
