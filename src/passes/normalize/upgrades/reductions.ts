import type { Upgrade } from "./rewriting.js";
import { axesAsInput } from "./shaping.js";

/** Reductions got their axes as an input, ReduceSum first. */
export const reductions: readonly Upgrade[] = [
  { operators: ["ReduceSum"], until: 13, rewrite: axesAsInput },
  {
    operators: [
      "ReduceL1",
      "ReduceL2",
      "ReduceLogSum",
      "ReduceLogSumExp",
      "ReduceMax",
      "ReduceMean",
      "ReduceMin",
      "ReduceProd",
      "ReduceSumSquare",
    ],
    until: 18,
    rewrite: axesAsInput,
  },
];
