import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const folderOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** What an example prints. */
async function printed(name: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [folderOf(name), ...args]);
  return stdout;
}

/** The last number behind these words. */
function numberBehind(words: string, text: string): number {
  const at = text.lastIndexOf(words);
  return at < 0 ? Number.NaN : Number.parseFloat(text.slice(at + words.length));
}

test("tabular regression learns prices, and its file takes raw columns", async () => {
  const text = await printed("tabular-regression.mjs");
  expect(numberBehind("r2 ", text)).toBeGreaterThan(0.95);
  expect(numberBehind("at the sea: ", text) / numberBehind("(right: ", text)).toBeCloseTo(1, 1);
});

test("the image classifier learns digits that it has not seen", async () => {
  const text = await printed("image-classifier.mjs");
  expect(numberBehind("accuracy ", text)).toBeGreaterThan(95);
});

test("the image classifier takes files as MNIST ships", async () => {
  const files = ["images-idx3-ubyte.gz", "labels-idx1-ubyte.gz"].map((name) =>
    folderOf(`../fixtures/data/idx/${name}`),
  );
  expect(await printed("image-classifier.mjs", ...files)).toMatch(/is a \d\n$/);
});

test("fine-tuning the head is better than before, and is what the file has", async () => {
  const text = await printed("fine-tune.mjs");
  const [before = "", head = "", , file = ""] = text.split("\n");
  expect(numberBehind("accuracy ", head)).toBeGreaterThan(numberBehind("accuracy ", before) + 10);
  expect(numberBehind("accuracy ", file)).toBe(numberBehind("accuracy ", head));
  expect(file).toMatch(/new are classifier\.weight, classifier\.bias$/);
});
