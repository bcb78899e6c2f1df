import type { ScaleTable, ScaleTableRow } from "../../scaling/scale-table.js";

/** A row of a scale table with the given fields; the others are those of some Linear weight. */
export function row(fields: Partial<ScaleTableRow>): ScaleTableRow {
  return {
    name: "fc1.weight",
    frameworkName: "fc1.weight",
    layer: "/fc1/Gemm",
    op: "Gemm",
    role: "kernel",
    dtype: "float32",
    shape: [64, 8],
    elements: 512,
    depth: 0,
    fanIn: 8,
    fanOut: 64,
    connections: 512,
    uses: 1,
    scale: 1,
    ...fields,
  };
}

/** A scale table with the given rows. */
export function tableOf(rows: readonly ScaleTableRow[], model: Partial<ScaleTable["model"]> = {}): ScaleTable {
  return {
    format: "caadam-scale-table",
    version: 1,
    model: { file: "m.onnx", sha256: null, opset: 17, irVersion: 8, producer: "pytorch 2.13.0", ...model },
    strategy: { name: "additive", gamma: 0.95, convention: "layer", normalized: false },
    statistics: { minConnections: 32, medianConnections: 512, maxConnections: 2048, totalDepth: 3 },
    parameters: rows,
  };
}
