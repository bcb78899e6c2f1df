import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { Emitter, type Value } from "../../graph/emitter.js";
import { Operators } from "../../graph/operators.js";
import type { Shape } from "../../graph/shapes/extent.js";
import { standardModel } from "../../graph/standard-model.js";
import { refusal } from "../../graph/testing/input-error.js";
import { fixture } from "../../graph/testing/models.js";
import { floats, runModel } from "../../graph/testing/run-model.js";
import { differentiate } from "../gradient/differentiate.js";
import { losses } from "./index.js";
import type { LossHead, LossName, LossOptions } from "./loss.js";

interface Numbers {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** See fixtures/losses/make_losses.py. */
interface Golden {
  readonly name: string;
  readonly loss: LossName;
  readonly options: LossOptions;
  readonly prediction: Numbers;
  /** The operator that makes the prediction of what is given as such, and one behind it. */
  readonly end?: { readonly op: string; readonly axis?: number; readonly then?: Rearrangement };
  readonly target: Numbers & { readonly dtype: "int64" | "float32" };
  readonly cotangent: Numbers;
  readonly value: Numbers;
  readonly gradient: Numbers;
  readonly metrics: Readonly<Record<string, number>>;
}

type Rearrangement =
  { readonly op: "Transpose"; readonly perm: readonly number[] } | { readonly op: "Reshape"; readonly shape: Shape };

const goldens = JSON.parse(readFileSync(fixture("losses/losses.json"), "utf8")) as readonly Golden[];

describe("losses, metrics and gradients are PyTorch's", () => {
  test.each(goldens)("$name", async (golden) => {
    await expectGolden(golden, golden.prediction.shape);
  });

  const open = goldens.filter(({ end }) => end?.then?.op !== "Reshape");
  test.each(open)("$name, of any extents", async (golden) => {
    const { labelSmoothing, classWeights, classAxis } = golden.options;
    const rank = golden.prediction.shape.length;
    const counted = (classAxis ?? (rank === 3 ? -1 : 1)) % rank;
    const isCounted = (axis: number) =>
      labelSmoothing !== undefined && classWeights === undefined && axis === (counted + rank) % rank;
    await expectGolden(
      golden,
      golden.prediction.shape.map((extent, axis) => (isCounted(axis) ? extent : `axis${axis}`)),
    );
  });
});

async function expectGolden(golden: Golden, shape: Shape): Promise<void> {
  const { options, end, target, cotangent, value: expected, gradient: expectedGradient, metrics } = golden;
  const head = headOf(golden.loss);
  const emitter = new Emitter();
  const g = new Operators(emitter);
  const given = emitter.input("given", { dataType: "float32", shape });
  const prediction = end === undefined ? given : ended(g, given, end);
  const type = head.targetType(prediction, options);
  expect(type.dataType).toBe(target.dtype);
  expect(type.shape.length).toBe(target.shape.length);
  const context = { g, prediction, target: emitter.input("target", type), options };
  const value = head.loss(context);
  const seed = emitter.input("cotangent", { dataType: "float32", shape: value.shape });
  const [gradient] = differentiate(g, { seeds: [{ value, gradient: seed }], towards: [given] });
  const measured = Object.entries(head.metrics(context)).map(([name, metric]) => ({ name, value: metric }));
  const outputs = [{ name: "value", value }, { name: "gradient", value: gradient ?? expect.fail() }, ...measured];
  const results = await runModel(standardModel(emitter.graph("loss", outputs), "loss"), {
    given: floats(golden.prediction.values, golden.prediction.shape),
    target: { ...target, dataType: target.dtype },
    cotangent: floats(cotangent.values, cotangent.shape),
  });
  expectClose(results["value"], expected);
  expectClose(results["gradient"], expectedGradient);
  expect(measured.map(({ name }) => name).toSorted()).toEqual(Object.keys(metrics).toSorted());
  for (const [name, metric] of Object.entries(metrics)) {
    expectClose(results[name], { shape: [], values: [metric] });
  }
}

function headOf(name: LossName): LossHead {
  return losses.get(name) ?? expect.fail(name);
}

function ended(g: Operators, given: Value, { op, axis, then }: NonNullable<Golden["end"]>): Value {
  const made = g.op(op, [given], axis === undefined ? {} : { axis });
  if (then === undefined) return made;
  return then.op === "Transpose" ? g.transpose(made, then.perm) : g.reshape(made, then.shape);
}

/** To 1e-5 of each number, or of the largest. */
function expectClose(found: Numbers | undefined, expected: Numbers): void {
  expect(found?.shape).toEqual(expected.shape);
  const largest = Math.max(...expected.values.map(Math.abs), 1e-3);
  const differences = expected.values.map((value, index) => Math.abs((found?.values[index] ?? Number.NaN) - value));
  // NaN is no difference below the tolerance either.
  const isClose = differences.every((difference) => difference <= 1e-5 * largest);
  expect(isClose, `${found?.values.slice(0, 8).join(" ")} instead of ${expected.values.slice(0, 8).join(" ")}`).toBe(
    true,
  );
}

describe("what a loss cannot be computed from", () => {
  /** The loss of a prediction of this shape. */
  function lossOf(name: LossName, options: LossOptions, shape: Shape | undefined): Value {
    const emitter = new Emitter();
    const head = headOf(name);
    const prediction = emitter.input("y", { dataType: "float32", shape });
    const target = emitter.input("target", head.targetType(prediction, options));
    return head.loss({ g: new Operators(emitter), prediction, target, options });
  }

  it.each<[string, LossName, LossOptions, Shape | undefined, string]>([
    [
      "an unknown rank",
      "mse",
      {},
      undefined,
      'output "y": has an unknown rank; declare the shapes of the model\'s inputs',
    ],
    [
      "no axis of classes",
      "softmax-cross-entropy",
      {},
      ["batch"],
      'output "y": has rank 1, so that it has no classes on axis 1; name their axis with --class-axis, or choose another loss',
    ],
    [
      "an axis that is not there",
      "nll",
      { classAxis: -3 },
      ["batch", 4],
      'output "y": has rank 2, so that it has no classes on axis -3; name their axis with --class-axis, or choose another loss',
    ],
    [
      "other classes than have weights",
      "softmax-cross-entropy",
      { classWeights: [1, 2, 3] },
      ["batch", 4],
      '--class-weights: names 3 weights, but "y" has 4 classes',
    ],
    [
      "a class number to be ignored among probabilities",
      "softmax-cross-entropy",
      { labels: "probabilities", ignoreIndex: 0 },
      ["batch", 4],
      "--ignore-index: is a class number, and the targets are to be probabilities",
    ],
    [
      "a single class",
      "softmax-cross-entropy",
      {},
      ["batch", 1],
      'output "y": has one class, of which every loss is 0; for yes-or-no questions take binary-cross-entropy-with-logits; for other axes --class-axis',
    ],
    ["a cosine of one number", "cosine", {}, [], 'output "y": is one number, and a cosine is that of vectors'],
    [
      "smoothing over an unknown number of classes",
      "softmax-cross-entropy",
      { labelSmoothing: 0.1 },
      ["batch", "classes"],
      '--label-smoothing: needs the number of classes, which "y" does not declare',
    ],
  ])("%s", (_, name, options, shape, message) => {
    expect(refusal(() => lossOf(name, options, shape))).toBe(message);
  });
});

describe("losses in float64", () => {
  it.each([...losses.keys()])("%s has the type of its prediction", (name) => {
    const emitter = new Emitter();
    const head = headOf(name);
    const prediction = emitter.input("y", { dataType: "float64", shape: [2, 2] });
    const type = head.targetType(prediction, {});
    const target = emitter.input("target", type);
    const context = { g: new Operators(emitter), prediction, target, options: {} };
    const outputs = [
      { name: "loss", value: head.loss(context) },
      ...Object.entries(head.metrics(context)).map(([metric, value]) => ({ name: metric, value })),
    ];
    expect(outputs.map(({ value }) => value.dataType)).toEqual(outputs.map(() => "float64"));
    expect(outputs.map(({ value }) => value.shape)).toEqual(outputs.map(() => []));
    expect(type).toEqual(
      type.dataType === "int64" ? { dataType: "int64", shape: [2] } : { dataType: "float64", shape: [2, 2] },
    );
  });
});
