import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { refusal } from "../../graph/testing/input-error.js";
import { fixture } from "../../graph/testing/models.js";
import { schedules } from "./index.js";
import { startSchedule } from "./learning-rates.js";
import { parseSchedule } from "./parse.js";
import { plateauState } from "./plateau-state.js";
import type { ScheduleContext, ScheduleSpecification } from "./schedule.js";

/** See fixtures/schedules/make_schedules.py. */
interface Golden {
  readonly oracle: "torch" | "keras";
  readonly text: string;
  readonly context: ScheduleContext;
  readonly rates: readonly number[];
}

/** What is monitored in each epoch, and the learning rate after it. */
interface PlateauGolden extends Omit<Golden, "oracle"> {
  readonly monitored: readonly (number | "NaN")[];
}

const goldens = JSON.parse(readFileSync(fixture("schedules/schedules.json"), "utf8")) as readonly Golden[];
const plateaus = JSON.parse(readFileSync(fixture("schedules/plateau.json"), "utf8")) as readonly PlateauGolden[];

const training: ScheduleContext = { learningRate: 0.1, totalSteps: 20, stepsPerEpoch: 5 };
const stream: ScheduleContext = { learningRate: 0.1, totalSteps: null, stepsPerEpoch: null };

/** Keras computes in float32. */
const accuracyOf = { torch: 1e-12, keras: 2e-6 };

describe("schedules are PyTorch's and Keras'", () => {
  test.each(goldens)("$text, as $oracle", ({ oracle, text, context, rates }) => {
    const { rateAt } = startSchedule(parseSchedule(text), context);
    for (const [step, rate] of rates.entries()) {
      expect(Math.abs(rateAt(step) - rate), `update ${step}`).toBeLessThan(context.learningRate * accuracyOf[oracle]);
    }
  });

  it("has a golden of every schedule", () => {
    const seen = new Set([...goldens, ...plateaus].map(({ text }) => parseSchedule(text).name));
    expect([...schedules.keys()].filter((name) => !seen.has(name))).toEqual([]);
  });
});

describe("reduce-on-plateau is Keras'", () => {
  test.each(plateaus)("$text", ({ text, context, monitored, rates }) => {
    const schedule = startSchedule(parseSchedule(text), context);
    let before = schedule.rateAt(0);
    for (const [epoch, value] of monitored.entries()) {
      const hasFallen = schedule.endEpoch(Number(value));
      const rate = schedule.rateAt(epoch);
      expect(rate / (rates[epoch] ?? 0), `epoch ${epoch}`).toBeCloseTo(1, 5);
      expect(hasFallen).toBe(rate < before);
      before = rate;
    }
  });

  test.each(plateaus)("$text, through JSON after each epoch", ({ text, context, monitored }) => {
    const specification = parseSchedule(text);
    const whole = startSchedule(specification, context);
    let state = whole.state();
    for (const value of monitored) {
      const resumed = startSchedule(specification, context, state);
      expect(resumed.endEpoch(Number(value))).toBe(whole.endEpoch(Number(value)));
      state = plateauState.parse(JSON.parse(JSON.stringify(resumed.state())));
      expect(state).toEqual(whole.state());
    }
  });

  it("takes no value for the best that is not finite", () => {
    const schedule = startSchedule({ name: "plateau", patience: 2, factor: 0.5 }, training);
    const rates = [NaN, -Infinity, 1, 0.5].map((value) => {
      schedule.endEpoch(value);
      return schedule.rateAt(0);
    });
    expect(rates).toEqual([0.1, 0.05, 0.05, 0.05]);
    expect(schedule.state()).toEqual({ learningRate: 0.05, best: 0.5, wait: 0, cooldown: 0 });
  });

  it("finds better what the training says, unless it is told", () => {
    const rate = (specification: ScheduleSpecification) => {
      const schedule = startSchedule(specification, { ...training, mode: "max" });
      for (const value of [1, 2, 3]) schedule.endEpoch(value);
      return schedule.rateAt(0);
    };
    expect(rate({ name: "plateau", patience: 2 })).toBe(0.1);
    expect(rate({ name: "plateau", patience: 2, mode: "min" })).toBeCloseTo(0.01, 12);
  });

  it("warms up", () => {
    const schedule = startSchedule(parseSchedule("plateau:patience=1,factor=0.5,warmup-epochs=1"), training);
    expect(schedule.rateAt(0)).toBe(0);
    expect(schedule.rateAt(4)).toBeCloseTo(0.08, 12);
    for (const value of [1, 2]) schedule.endEpoch(value);
    expect([schedule.rateAt(5), schedule.rateAt(100)]).toEqual([0.05, 0.05]);
  });
});

describe("of any schedule", () => {
  const texts = ["constant", "cosine", "linear", "step:epochs=1", "exponential:factor=0.9", "one-cycle", "plateau"];

  it("the learning rate is finite, not negative and not above the peak", () => {
    const counts = fc.integer({ min: 1, max: 50 });
    fc.assert(
      fc.property(fc.constantFrom(...texts), counts, counts, counts, (text, totalSteps, stepsPerEpoch, warmupSteps) => {
        const specification = { ...parseSchedule(text), warmupSteps };
        const { rateAt } = startSchedule(specification, { learningRate: 0.1, totalSteps, stepsPerEpoch });
        for (let step = 0; step < totalSteps + 10; step++) {
          expect(rateAt(step)).toBeGreaterThanOrEqual(0);
          expect(rateAt(step)).toBeLessThanOrEqual(0.1 + 1e-12);
        }
      }),
    );
  });

  test.each(texts)("%s remembers nothing that is not in its state", (text) => {
    const schedule = startSchedule(parseSchedule(text), training);
    expect(schedule.endEpoch(1)).toBe(false);
    expect(schedule.state() === null).toBe(text !== "plateau");
  });
});

describe("a stream, whose length is not known,", () => {
  test.each([
    "constant",
    "step:steps=3",
    "exponential:steps=3,factor=0.5",
    "cosine:steps=9",
    "one-cycle:steps=9",
    "plateau",
  ])("can have %s", (text) => {
    expect(
      startSchedule(parseSchedule(`${text},warmup-steps=2`.replace(/^(\w+),/, "$1:")), stream).rateAt(2),
    ).toBeGreaterThan(0);
  });

  it("cannot have what needs it", () => {
    const refused = (text: string) => refusal(() => startSchedule(parseSchedule(text), stream));
    expect(refused("cosine")).toBe(
      "--schedule: needs the length of the training, which the data do not tell; say steps=..., or take another schedule",
    );
    expect(refused("step:epochs=2")).toBe(
      "--schedule epochs=2: cannot be counted, as the data do not tell how long an epoch is; say steps=...",
    );
    expect(refused("constant:warmup-epochs=2")).toMatch(/say warmup-steps=\.\.\.$/);
    expect(refused("exponential:factor=0.5")).toMatch(/say steps=\.\.\.$/);
  });
});

describe("the text of a schedule", () => {
  it("is its name and its options", () => {
    expect(parseSchedule("cosine")).toEqual({ name: "cosine" });
    expect(parseSchedule("step:epochs=10,factor=0.5")).toEqual({ name: "step", epochs: 10, factor: 0.5 });
    expect(parseSchedule(" one-cycle : peak = 1e-2 , pct-start=0.4")).toEqual({
      name: "one-cycle",
      peak: 0.01,
      pctStart: 0.4,
    });
    expect(parseSchedule("plateau:monitor=accuracy,mode=max,min-delta=0")).toEqual({
      name: "plateau",
      monitor: "accuracy",
      mode: "max",
      minDelta: 0,
    });
  });

  const warmUp = "warmup-steps, warmup-epochs, warmup-from";
  test.each([
    ["cosin", "--schedule cosin: is none of constant, cosine, linear, step, exponential, one-cycle, plateau"],
    ["", "--schedule : is none of constant, cosine, linear, step, exponential, one-cycle, plateau"],
    ["cosine:gamma=2", `--schedule cosine: has no option "gamma"; it takes final, epochs, steps, ${warmUp}`],
    ["cosine:factor=0.5", `--schedule cosine: has no option "factor"; it takes final, epochs, steps, ${warmUp}`],
    [
      "cosine:warmupSteps=5",
      `--schedule cosine: has no option "warmupSteps"; it takes final, epochs, steps, ${warmUp}`,
    ],
    ["cosine:", '--schedule cosine: has "" where option=value was expected; as in step:epochs=10,factor=0.5'],
    ["cosine:final", '--schedule cosine: has "final" where option=value was expected; as in step:epochs=10,factor=0.5'],
    ["cosine:final=", "--schedule cosine:final=: is out of range: final takes a number from 0 to 1"],
    ["cosine:final=x", "--schedule cosine:final=x: is out of range: final takes a number from 0 to 1"],
    ["cosine:final=2", "--schedule cosine:final=2: is out of range: final takes a number from 0 to 1"],
    ["cosine:final=0,final=0", "--schedule cosine: has final twice"],
    ["cosine:steps=2,epochs=2", "--schedule cosine: has both epochs and steps, which say one thing"],
    ["cosine:steps=1.5", "--schedule cosine:steps=1.5: is out of range: steps takes a whole number above 0"],
    ["plateau:mode=up", "--schedule plateau:mode=up: is out of range: mode takes min or max"],
    ["plateau:monitor=", '--schedule plateau:monitor=: is out of range: monitor takes "loss" or the name of a metric'],
    ["plateau:patience=-1", "--schedule plateau:patience=-1: is out of range: patience takes a whole number"],
  ])("refuses %s", (text, message) => {
    expect(refusal(() => parseSchedule(text))).toBe(message);
  });

  it("is refused where something must be said", () => {
    const refused = (text: string) => refusal(() => startSchedule(parseSchedule(text), training));
    expect(refused("step")).toBe("--schedule step: does not say how often; as in step:epochs=10,factor=0.5");
    expect(refused("exponential")).toBe("--schedule exponential: does not say by what; as in exponential:factor=0.95");
  });

  it("is not needed: options of programs are checked alike", () => {
    expect(refusal(() => startSchedule({ name: "cosine", final: 2 }, training))).toMatch(/a number from 0 to 1$/);
    expect(refusal(() => startSchedule({ name: "cosine", factor: 0.5 }, training))).toMatch(/has no option "factor"/);
    const unknown = { name: "sine" } as unknown as ScheduleSpecification;
    expect(refusal(() => startSchedule(unknown, training))).toMatch(/^--schedule sine: is none of/);
  });
});
