import pc from "picocolors";
import { expect, it } from "vitest";
import type { ScaleTable } from "../src/index.js";
import { scaleReport } from "./scale-report.js";

it("a model of very many parameters is reported whole", () => {
  const row = {
    frameworkName: null,
    op: "MatMul",
    role: "kernel",
    dtype: "float32",
    shape: [4, 4],
    elements: 16,
  } as const;
  const numbers = { depth: 0, fanIn: 4, fanOut: 4, connections: 16, uses: 1, scale: 1 };
  const count = 150_000;
  const table: ScaleTable = {
    format: "caadam-scale-table",
    version: 1,
    model: { file: "many.onnx", sha256: null, opset: 17, irVersion: 8, producer: "" },
    strategy: { name: "none", gamma: 1, convention: "layer", normalized: false },
    statistics: { minConnections: 16, medianConnections: 16, maxConnections: 16, totalDepth: 1 },
    parameters: Array.from({ length: count }, (_, index) => ({
      ...row,
      ...numbers,
      name: `w${index}`,
      layer: `l${index}`,
    })),
  };
  const report = scaleReport([table], "layer", { columns: 80, colors: pc.createColors(false) });
  expect(report).toContain("150,000 parameters in 150,000 layers, 2,400,000 elements");
});
