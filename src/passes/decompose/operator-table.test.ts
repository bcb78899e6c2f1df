import { readFileSync } from "node:fs";
import { format } from "prettier";
import { expect, test } from "vitest";
import { gradientCoverage } from "./operator-coverage.js";
import { operatorTable } from "./operator-table.js";

test("docs/operators.md is what the tables of rules say (npm run docs writes it)", async () => {
  const written = readFileSync(new URL("../../../docs/operators.md", import.meta.url), "utf8");
  expect(written).toBe(await format(operatorTable(), { parser: "markdown", printWidth: 120 }));
});

test("at least 130 operators of ai.onnx are differentiable", () => {
  const differentiable = gradientCoverage().filter(
    ({ operator, gradient }) => !operator.includes(".") && gradient !== "not differentiable",
  );
  expect(differentiable.length).toBeGreaterThanOrEqual(130);
});
