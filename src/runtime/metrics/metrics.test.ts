import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { refusal } from "../../graph/testing/input-error.js";
import { fixture } from "../../graph/testing/models.js";
import type { LossName, LossOptions } from "../../passes/loss/loss.js";
import type { ContractLoss } from "../../passes/training/contract.js";
import type { HostTensor } from "../host-tensor.js";
import { chooseMetrics, defaultMetrics, fittingMetrics, metrics, metricsOfEach } from "./index.js";
import type { PredictionKind } from "../../passes/loss/loss.js";
import type { MetricContext } from "./metric.js";

interface Numbers {
  readonly dtype: "float32" | "int64";
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** See fixtures/metrics/make_metrics.py. */
interface Golden {
  readonly name: string;
  readonly loss: LossOptions & { readonly name: LossName };
  readonly predictions?: PredictionKind;
  readonly prediction: Numbers;
  readonly target: Numbers;
  readonly metrics: Readonly<Record<string, number | null>>;
}

const goldens = JSON.parse(readFileSync(fixture("metrics/metrics.json"), "utf8")) as readonly Golden[];

describe("metrics are scikit-learn's", () => {
  test.each(goldens)("$name", (golden) => {
    const context = contextOf(golden);
    for (const [name, expected] of Object.entries(golden.metrics)) {
      const value = measured(name, context, [[tensor(golden.prediction), tensor(golden.target)]]);
      if (expected === null) expect(value, name).toBeNaN();
      else expect(Math.abs(value - expected) / Math.max(1, Math.abs(expected)), name).toBeLessThan(1e-12);
    }
  });

  it("has a golden of every metric", () => {
    const seen = new Set(goldens.flatMap((golden) => Object.keys(golden.metrics)));
    expect([...metrics.keys()].filter((name) => !seen.has(name))).toEqual([]);
  });
});

describe("batches", () => {
  test.each(goldens)("of any sizes give the same bits: $name", (golden) => {
    const context = contextOf(golden);
    const [prediction, target] = [tensor(golden.prediction), tensor(golden.target)];
    const examples = prediction.dims[0] ?? 0;
    const names = Object.keys(golden.metrics);
    const whole = names.map((name) => measured(name, context, [[prediction, target]]));
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: examples }), { maxLength: 5 }), (ends) => {
        const cuts = [0, ...ends.filter((end) => end < examples).toSorted((a, b) => a - b), examples];
        const batches = cuts
          .slice(1)
          .map((end, index) => [rows(prediction, cuts[index] ?? 0, end), rows(target, cuts[index] ?? 0, end)] as const);
        expect(names.map((name) => measured(name, context, batches))).toEqual(whole);
      }),
      { numRuns: 10 },
    );
  });

  test.each([...metrics.keys()])("none at all measure nothing: %s", (name) => {
    const loss = (["nll", "mse"] as const).map(lossOf).find((each) => fittingMetrics(each).includes(name));
    expect(metric(name, { loss: loss ?? expect.fail() }).value()).toBeNaN();
  });
});

describe("auc", () => {
  it("is the share of pairs in the right order, equal ones half", () => {
    const scores = fc.integer({ min: -3, max: 3 });
    fc.assert(
      fc.property(fc.array(scores, { minLength: 1 }), fc.array(scores, { minLength: 1 }), (yes, no) => {
        const halves = yes.flatMap((a) => no.map((b) => (a > b ? 2 : a === b ? 1 : 0) as number));
        const context = { loss: lossOf("binary-cross-entropy-with-logits") };
        const targets = [...yes.map(() => 1), ...no.map(() => 0)];
        const value = measured("auc", context, [[floats([...yes, ...no]), floats(targets)]]);
        expect(value).toBe(halves.reduce((sum, each) => sum + each, 0) / (2 * yes.length * no.length));
      }),
    );
  });
});

describe("predictions and targets", () => {
  const nll = { loss: lossOf("nll") };

  it("takes the first of equal predictions, in top-k too", () => {
    const batch = [floats([1, 1, 1], [1, 3]), classes([1])] as const;
    expect(["accuracy", "top-1", "top-2"].map((name) => measured(name, nll, [batch]))).toEqual([0, 0, 1]);
  });

  it("reads halves and bytes", () => {
    const halves: HostTensor = { type: "float16", data: Uint16Array.of(0xbc00, 0x3c00, 0x3800, 0), dims: [2, 2] };
    const bytes: HostTensor = { type: "uint8", data: Uint8Array.of(1, 1), dims: [2] };
    expect(measured("accuracy", nll, [[halves, bytes]])).toBe(0.5);
    const booleans: HostTensor = { type: "bool", data: Uint8Array.of(1, 0), dims: [2] };
    const context = { loss: lossOf("binary-cross-entropy-with-logits") };
    expect(measured("accuracy", context, [[floats([2, 2]), booleans]])).toBe(0.5);
  });

  test.each(["accuracy", "top-2", "precision", "recall", "f1", "auc"])(
    "are undefined where one is not a number: %s",
    (name) => {
      const prediction = floats([1, 2, NaN, 0, 2, 1], [3, 2]);
      expect(measured(name, nll, [[prediction, classes([0, 1, 0])]])).toBeNaN();
      if (name === "top-2") return;
      const context = { loss: lossOf("hinge") };
      expect(measured(name, context, [[floats([1, NaN, -1]), floats([1, 1, -1])]])).toBeNaN();
    },
  );

  test.each(["mae", "rmse", "r2"])("are undefined where one is not a number: %s", (name) => {
    expect(measured(name, { loss: lossOf("mse") }, [[floats([1, NaN]), floats([1, 2])]])).toBeNaN();
  });

  it("refuses classes that there are not", () => {
    const refused = (named: number) =>
      refusal(() => measured("accuracy", nll, [[floats([1, 2], [1, 2]), floats([named])]]));
    expect(refused(2)).toBe("targets: hold 2, which is not the number of one of 2 classes");
    expect(refused(-1)).toBe("targets: hold -1, which is not the number of one of 2 classes");
    expect(refused(0.5)).toBe("targets: hold 0.5, which is not the number of one of 2 classes");
  });

  it("refuses targets that do not fit", () => {
    const message = "targets: have the shape [3], and the predictions [2, 2]";
    const prediction = floats([1, 2, 3, 4], [2, 2]);
    for (const [name, loss] of [
      ["auc", "nll"],
      ["auc", "hinge"],
      ["mae", "mse"],
    ] as const) {
      expect(refusal(() => measured(name, { loss: lossOf(loss) }, [[prediction, floats([0, 1, 0])]]))).toBe(message);
    }
  });

  it("refuses text, a vector without classes, and another number of columns", () => {
    const text: HostTensor = { type: "string", data: ["a"], dims: [1] };
    expect(refusal(() => measured("mae", { loss: lossOf("mse") }, [[floats([1]), text]]))).toBe(
      "metrics: measure numbers, and were given text",
    );
    expect(refusal(() => measured("accuracy", nll, [[floats([1, 2]), classes([0, 1])]]))).toMatch(
      /^output "y": has rank 1, so that it has no classes on axis 1/,
    );
    const wide = floats([1, 2, 3], [1, 3]);
    const narrow = floats([1, 2], [1, 2]);
    expect(
      refusal(() =>
        measured("r2", { loss: lossOf("mse") }, [
          [wide, wide],
          [narrow, narrow],
        ]),
      ),
    ).toMatch(/of which there were 3, and now are \[1, 2\]$/);
  });
});

describe("what fits a loss", () => {
  it("is said with the metrics that do", () => {
    expect(refusal(() => chooseMetrics(lossOf("mse"), ["mae", "auc"]))).toBe(
      "--metrics auc: does not fit the loss mse; those that do are mae, rmse, r2",
    );
    expect(refusal(() => chooseMetrics(lossOf("hinge"), ["top-3"]))).toBe(
      "--metrics top-3: does not fit the loss hinge; those that do are accuracy, precision, recall, f1, auc",
    );
    expect(refusal(() => chooseMetrics(lossOf("model"), ["mae"]))).toBe(
      "--metrics mae: does not fit a loss that is part of the model; no metric does",
    );
    expect(refusal(() => chooseMetrics(lossOf("mse"), ["top-0"]))).toMatch(
      /^--metrics top-0: is none of accuracy, top-5, precision/,
    );
    expect(refusal(() => metricsOfEach([lossOf("mse"), lossOf("cosine")], ["mae", "f1"]))).toBe(
      "--metrics f1: does not fit the loss mse or the loss cosine; those that do are mae, rmse, r2",
    );
  });

  it("is accuracy of classes and questions, mae and r2 of numbers by default", () => {
    const names: readonly ContractLoss["name"][] = [
      "softmax-cross-entropy",
      "nll",
      "kl-divergence",
      "binary-cross-entropy-with-logits",
      "hinge",
      "mse",
      "mae",
      "huber",
      "cosine",
      "model",
    ];
    expect(names.map((name) => [name, defaultMetrics(lossOf(name)).join(" ")])).toEqual([
      ["softmax-cross-entropy", "accuracy"],
      ["nll", "accuracy"],
      ["kl-divergence", "accuracy"],
      ["binary-cross-entropy-with-logits", "accuracy"],
      ["hinge", "accuracy"],
      ["mse", "mae r2"],
      ["mae", "mae r2"],
      ["huber", "mae r2"],
      ["cosine", ""],
      ["model", ""],
    ]);
    for (const name of names) {
      expect([...chooseMetrics(lossOf(name)).keys()]).toEqual(defaultMetrics(lossOf(name)));
    }
  });

  it("holds a name once, in the order given", () => {
    expect([...chooseMetrics(lossOf("nll"), ["top-10", "f1", "top-10"]).keys()]).toEqual(["top-10", "f1"]);
  });
});

function lossOf(name: ContractLoss["name"]): ContractLoss {
  return { name, output: "y", weight: 1 };
}

function contextOf({ loss, predictions }: Golden): MetricContext {
  return { loss: { ...loss, output: "y", weight: 1 }, ...(predictions && { predictions }) };
}

function metric(name: string, context: MetricContext) {
  return (chooseMetrics(context.loss, [name]).get(name) ?? expect.fail()).create(context);
}

function measured(name: string, context: MetricContext, batches: readonly (readonly [HostTensor, HostTensor])[]) {
  const measurement = metric(name, context);
  for (const [prediction, target] of batches) measurement.add(prediction, target);
  return measurement.value();
}

type Fed = HostTensor<"float32" | "int64">;

function tensor({ dtype, shape, values }: Numbers): Fed {
  return dtype === "float32" ? floats(values, shape) : classes(values, shape);
}

function floats(values: readonly number[], dims: readonly number[] = [values.length]): HostTensor<"float32"> {
  return { type: "float32", data: Float32Array.from(values), dims };
}

function classes(values: readonly number[], dims: readonly number[] = [values.length]): HostTensor<"int64"> {
  return { type: "int64", data: BigInt64Array.from(values, BigInt), dims };
}

/** Some of the examples. */
function rows(whole: Fed, from: number, to: number): HostTensor {
  const each = whole.data.length / (whole.dims[0] ?? 1);
  const dims = [to - from, ...whole.dims.slice(1)];
  return whole.type === "float32"
    ? { type: "float32", data: whole.data.slice(from * each, to * each), dims }
    : { type: "int64", data: whole.data.slice(from * each, to * each), dims };
}
