import { describe, expect, it } from "vitest";
import type { ColumnPreprocessing, Preprocessing } from "../src/index.js";
import { withUnits } from "./metric-table.js";

const price = { kind: "number", column: "price", file: 0, subtract: 100, divide: 20 } as const;
const metrics = { mae: 0.5, rmse: 2, r2: 0.75 };

function preparedAs(...columns: readonly ColumnPreprocessing[]): Preprocessing {
  const area = { ...price, column: "area", divide: 7 };
  return {
    format: "caadam-preprocessing",
    version: 1,
    missing: "error",
    tensors: [
      { name: "x", role: "feature", shape: [1], columns: [area] },
      { name: "target", role: "target", shape: [columns.length], columns },
    ],
  };
}

describe("errors of a standardized target", () => {
  it("are in its own unit as well, each behind what it was computed from", () => {
    const shown = { mae: 0.5, "mae (price)": 10, rmse: 2, "rmse (price)": 40, r2: 0.75 };
    expect(Object.entries(withUnits(metrics, preparedAs(price)))).toEqual(Object.entries(shown));
    const array = { ...price, kind: "array", subtract: [100], divide: [20] } as const;
    expect(withUnits(metrics, preparedAs(array))).toEqual(shown);
    // Who divides by a negative number turns targets round; errors stay errors.
    expect(withUnits(metrics, preparedAs({ ...price, divide: -20 }))).toEqual(shown);
  });

  it("are alone where there is no such unit", () => {
    const classes = { kind: "class", column: "color", file: 0, classes: ["blue", "red"] } as const;
    const each = { ...price, kind: "array", axis: 0, subtract: [1, 2], divide: [3, 4] } as const;
    for (const columns of [[{ ...price, subtract: 0, divide: 1 }], [price, price], [classes], [each]]) {
      expect(withUnits(metrics, preparedAs(...columns))).toBe(metrics);
    }
  });
});
