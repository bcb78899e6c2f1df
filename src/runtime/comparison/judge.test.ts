import { describe, expect, it } from "vitest";
import { comparisonOf } from "../reports/testing/reports.js";
import { verdictOn } from "./verdict.js";
import { holmCorrected, pairedTTest } from "../statistics.js";

const adam = [1, 1.1, 0.9, 1.05, 0.95];
const { NaN: lost } = Number;

/** Better than Adam by about so much with every seed. */
function better(by: number): readonly number[] {
  return adam.map((value, seed) => value - by + 0.01 * (seed - 2));
}

const find = (result: ReturnType<typeof comparisonOf>, wanted: string) =>
  result.variants.find(({ name }) => name === wanted) ?? expect.fail();

describe("Holm's correction", () => {
  const variants = { adam, a: better(0.03), b: better(0.02) };
  const steps = { "adam × 2, as a": better(0.5).with(0, 0.6), "adam × 3, as b": better(0.001).with(1, 1) };

  it("is of the variants alone, whatever else is asked", () => {
    const [alone, more] = [comparisonOf(variants), comparisonOf({ ...variants, ...steps })];
    const p = [variants.a, variants.b].map((values) => pairedTTest(values, adam).p);
    for (const result of [alone, more]) {
      const found = ["a", "b"].map((name) => find(result, name).difference?.correctedP);
      expect(found).toEqual(holmCorrected(p));
    }
    expect(more.verdict.slice(0, alone.verdict.length)).toEqual(alone.verdict);
  });

  it("is of each question by itself: what larger steps do, and what variants do beyond them", () => {
    const result = comparisonOf({ ...variants, ...steps });
    const [first, second] = Object.values(steps);
    const fromAdam = [first, second].map((values) => pairedTTest(values ?? [], adam).p);
    expect(Object.keys(steps).map((name) => find(result, name).difference?.correctedP)).toEqual(
      holmCorrected(fromAdam),
    );
    const beyond = [pairedTTest(variants.a, first ?? []).p, pairedTTest(variants.b, second ?? []).p];
    const found = ["a", "b"].map((name) => find(result, name).fromLargerSteps?.correctedP);
    for (const [index, p] of holmCorrected(beyond).entries()) expect(found[index]).toBeCloseTo(p, 12);
  });
});

describe("a verdict", () => {
  it("names larger steps that gain where no variant does", () => {
    const noise = [0.3, -0.2, 0.1, -0.3, 0.1];
    const a = adam.map((value, seed) => value + (noise[seed] ?? 0));
    const { verdict } = comparisonOf({ adam, a, "adam × 2, as a": better(0.5) });
    expect(verdict).toEqual([
      "No variant differs from Adam by more than chance (validation loss, 5 seeds, p below 0.05 after Holm's correction).",
      "Better than Adam by more than chance: adam × 2, as a by 50.00% (p <0.001).",
      "Worse than Adam with the same mean step by more than chance: a by 100.00% (p = 0.011).",
    ]);
  });

  it("does not give to the architecture what larger steps gain", () => {
    const { verdict } = comparisonOf({ adam, a: better(0.5), "adam × 2, as a": better(0.499).toReversed() });
    expect(verdict[0]).toMatch(/^Better than Adam by more than chance: a by 50.00% \(p <0.001\) \(validation loss/);
    expect(verdict.at(-1)).toBe("No variant differs from Adam with the same mean step by more than chance.");
  });

  it("knows which way metrics go, top-3 too", () => {
    const { verdict, better: direction } = comparisonOf({ adam, a: better(0.5) }, "top-3");
    expect(direction).toBe("higher");
    expect(verdict).toEqual([expect.stringMatching(/^Worse than Adam by more than chance: a by 50.00%/)]);
  });

  it("of two seeds is the t-test's, with one degree of freedom", () => {
    const { verdict, variants } = comparisonOf({ adam: [1, 2], a: [0.5, 1.4] });
    // t = -0.55 / 0.05 = -11; two-sided p of Cauchy's distribution: 2 / π · atan(1 / 11).
    expect(variants[1]?.difference?.p).toBeCloseTo((2 / Math.PI) * Math.atan(1 / 11), 6);
    expect(verdict).toEqual([expect.stringMatching(/^No variant differs .*\(validation loss, 2 seeds/)]);
  });

  it("says of equal results that they are equal", () => {
    const { verdict, variants } = comparisonOf({ adam, same: adam, a: better(0.5) });
    expect(variants[1]?.difference).toMatchObject({
      p: lost,
      correctedP: lost,
      improvement: expect.closeTo(0) as number,
    });
    expect(verdict).toEqual([
      "same comes to the same as Adam with every seed.",
      expect.stringMatching(/^Better than Adam by more than chance: a by 50.00% /),
    ]);
  });

  it("says that seeds change nothing, where weights and order are given", () => {
    // In batches of all examples their order changes the last bits.
    const result = comparisonOf({ adam: [1, 1.0000001, 1], a: [0.5, 0.5, 0.50000002] });
    expect(result.variants[1]?.difference?.p).toBeNaN();
    const variants = result.variants.map((variant) => ({
      ...variant,
      runs: variant.runs.map((run) => ({ ...run, history: [] })),
    }));
    expect(verdictOn(variants, { measure: "validation loss", seeds: 3 })).toEqual([
      expect.stringMatching(/^Every seed gives the same training, so that nothing can be told from chance/),
    ]);
  });

  it.each([
    [[0.8, 0.85]],
    // In binary the differences differ in the last bit.
    [[0.7, 0.9]],
  ])("calls a difference that does not vary no certainty: %j", (accuracies) => {
    const { verdict } = comparisonOf({ adam: accuracies, a: accuracies.map((value) => value + 0.05) }, "accuracy");
    expect(verdict).toEqual(["a differs from Adam by the same with every seed, which cannot be told from chance."]);
  });

  it("compares the seeds with which both came to a number, and says so", () => {
    const a = better(0.5).with(1, lost);
    const { verdict, variants } = comparisonOf({ adam, a });
    expect(variants[1]?.difference).toMatchObject({ seeds: 4, degreesOfFreedom: 3 });
    // Of the means over those seeds: Adam's of the lost one does not count.
    const [ours, theirs] = [a, adam].map((all) =>
      all.filter((_, seed) => seed !== 1).reduce((sum, one) => sum + one, 0),
    );
    expect(variants[1]?.difference?.improvement).toBeCloseTo((100 * ((theirs ?? 0) - (ours ?? 0))) / (theirs ?? 0), 10);
    expect(verdict).toEqual([
      expect.stringMatching(/^Better than Adam/),
      "With a, 1 of 5 trainings came to no number; only the others count.",
    ]);
  });

  it("does not judge by one seed, or none", () => {
    const { verdict } = comparisonOf({ adam: [1, 2], a: [lost, 2.5], b: [lost, lost], c: [1.5, 3.5] });
    expect(verdict).toEqual([
      "a cannot be told from Adam: only one seed gave both a number.",
      "b cannot be told from Adam: no seed gave both a number.",
      expect.stringMatching(/^No other variant differs from Adam by more than chance/),
      "With a, 1 of 2 trainings came to no number; only the others count.",
      "With b, 2 of 2 trainings came to no number.",
    ]);
  });
});
