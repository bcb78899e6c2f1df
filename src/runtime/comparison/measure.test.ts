import { describe, expect, it } from "vitest";
import { refusal } from "../../graph/testing/input-error.js";
import type { ContractLoss } from "../../passes/training/contract.js";
import { measureNamed } from "./measure.js";

const numbers = (output: string): ContractLoss => ({ name: "mse", output, weight: 1, target: `${output}_target` });
const classes: ContractLoss = { name: "softmax-cross-entropy", output: "kind", weight: 1, target: "kind_target" };

describe("a measure", () => {
  it("is the loss, with the metrics that are asked for", () => {
    expect(measureNamed("loss", [numbers("p")], undefined)).toEqual({
      name: "loss",
      better: "lower",
      metrics: undefined,
    });
    expect(measureNamed("loss", [numbers("p")], ["rmse"]).metrics).toEqual(["rmse"]);
  });

  it("is a metric, measured beside those that are asked for or else those of the loss", () => {
    const measure = measureNamed("rmse", [numbers("p")], undefined);
    expect(measure).toEqual({ name: "rmse", better: "lower", metrics: ["mae", "r2", "rmse"] });
    expect(measureNamed("rmse", [numbers("p")], ["mae"]).metrics).toEqual(["mae", "rmse"]);
    expect(measureNamed("top-3", [classes], undefined)).toMatchObject({ name: "top-3", better: "higher" });
  });

  it("is of the output that it names, or of the only one that it fits", () => {
    const two = [numbers("boxes.0"), classes];
    for (const name of ["mae", "boxes.0.mae"]) {
      expect(measureNamed(name, two, [])).toEqual({ name: "boxes.0.mae", better: "lower", metrics: ["mae"] });
    }
    expect(measureNamed("kind.accuracy", two, [])).toMatchObject({ name: "kind.accuracy", better: "higher" });
    expect(refusal(() => measureNamed("mae", [...two, numbers("q")], undefined))).toBe(
      "--measure mae: is there of several outputs; choose one of boxes.0.mae, q.mae",
    );
  });

  it("is one that there is", () => {
    expect(refusal(() => measureNamed("p.mae", [numbers("p")], undefined))).toBe(
      "--measure p.mae: cannot be compared; choose one of loss, mae, rmse, r2",
    );
  });
});
