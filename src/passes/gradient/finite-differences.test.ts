import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decompositions } from "../decompose/index.js";
import { sequences } from "../decompose/sequences.js";
import { noGradient } from "./rule.js";
import { gradientRules } from "./rules/index.js";
import { arithmeticCases } from "./testing/cases/arithmetic.js";
import { convolutionCases } from "./testing/cases/convolutions.js";
import { indexingCases } from "./testing/cases/indexing.js";
import { movementCases } from "./testing/cases/movement.js";
import { poolingCases } from "./testing/cases/pooling.js";
import { samplingCases } from "./testing/cases/sampling.js";
import { activationCases } from "./testing/cases/activations.js";
import { combinationCases } from "./testing/cases/combinations.js";
import { elementaryCases } from "./testing/cases/elementary.js";
import { lossCases } from "./testing/cases/losses.js";
import { productCases } from "./testing/cases/products.js";
import { quantizationCases } from "./testing/cases/quantization.js";
import { reductionCases } from "./testing/cases/reductions.js";
import { attentionCases } from "./testing/cases/attention.js";
import { einsumCases } from "./testing/cases/einsum.js";
import { normalizationCases } from "./testing/cases/normalizations.js";
import { recurrentCases } from "./testing/cases/recurrent.js";
import { microsoftCases } from "./testing/cases/microsoft.js";
import { agreement } from "./testing/finite-differences.js";
import type { OperatorCase } from "./testing/operator-case.js";

const families: readonly Readonly<Record<string, fc.Arbitrary<OperatorCase>>>[] = [
  activationCases,
  combinationCases,
  elementaryCases,
  lossCases,
  productCases,
  quantizationCases,
  reductionCases,
  arithmeticCases,
  convolutionCases,
  indexingCases,
  movementCases,
  poolingCases,
  samplingCases,
  attentionCases,
  einsumCases,
  normalizationCases,
  recurrentCases,
  microsoftCases,
];
const cases = new Map(families.flatMap((family) => Object.entries(family)));

describe("compiled gradients agree with finite differences", () => {
  test.each([...cases])("%s", async (_, operatorCase) => {
    await fc.assert(
      fc.asyncProperty(
        operatorCase,
        fc.infiniteStream(fc.double({ min: -1, max: 1, noNaN: true })),
        async (of, random) => {
          const { compiled, measured, tolerance } = await agreement(of, () => Number(random.next().value));
          expect(Math.abs(compiled - measured), `compiled ${compiled}, measured ${measured}`).toBeLessThan(tolerance);
        },
      ),
      // Always the same examples: a kink that chance finds once in a thousand runs is no news.
      { numRuns: 10, seed: 1 },
    );
  });

  test("of every operator with a rule or a decomposition", () => {
    const withRule = [...gradientRules].filter(([, rule]) => rule !== noGradient).map(([operator]) => operator);
    // A case has tensors alone, no sequences, bodies or random numbers: those have their own tests.
    const elsewhere = new Set([...Object.keys(sequences), "If", "Loop", "Scan", "Dropout"]);
    const without = [...withRule, ...decompositions.keys()].filter(
      (operator) => !cases.has(operator) && !elsewhere.has(operator),
    );
    expect(without).toEqual([]);
  });
});
