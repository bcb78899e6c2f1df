import { markdownTable } from "markdown-table";
import { gradientCoverage, type GradientKind } from "./operator-coverage.js";

const meanings: Readonly<Record<GradientKind, string>> = {
  rule: "by a rule of its own",
  decomposed: "written in other operators, which have rules",
  both: "by a rule; some forms are written in other operators",
  "not differentiable": "none: integers, truth values, text, steps, growing sequences",
};

/** docs/operators.md: every operator with what becomes of its gradient. */
export function operatorTable(): string {
  const coverage = gradientCoverage();
  const standard = coverage.filter(({ operator }) => !operator.includes("."));
  const others = coverage.filter(({ operator }) => operator.includes("."));
  const differentiable = standard.filter(({ gradient }) => gradient !== "not differentiable");
  const table = (rows: typeof coverage) =>
    markdownTable([["operator", "gradient"], ...rows.map(({ operator, gradient }) => [operator, meanings[gradient]])]);
  return `# Operators and their gradients

Made by \`npm run docs\` from the tables of rules (\`src/passes/gradient/rules/\`) and decompositions (\`src/passes/decompose/\`). Models of opset 7
to 26 are upgraded to opset 26 first, so that this table holds for all of them.

## ai.onnx

${differentiable.length} of ${standard.length} operators are differentiable.

${table(standard)}

## Other domains

These are always written in standard operators.

${table(others)}
`;
}
