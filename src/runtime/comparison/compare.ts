import { InputError } from "../../graph/errors.js";
import type { Model } from "../../graph/model.js";
import { initialize } from "../../passes/initialization/initialize.js";
import { optimizerKind } from "../../passes/optimizer/index.js";
import { geometricMean, scalesOf } from "../../passes/scaling/scales.js";
import { structureOf } from "../../passes/structure/structure.js";
import { lossesOf } from "../../passes/training/contract.js";
import { planTraining } from "../../passes/training/rewrite.js";
import type { Dataset } from "../data/dataset.js";
import { evaluate } from "../evaluate.js";
import type { EpochEvent } from "../events.js";
import { NotFiniteError } from "../not-finite-error.js";
import { trainingRun } from "../train.js";
import type { TrainOptions } from "../train-options.js";
import type { Values } from "../training-state.js";
import type { ComparedRun, CompareOptions, ComparisonData, ComparisonResult } from "./comparison.js";
import { judged, type TrainedVariant } from "./judge.js";
import { measureNamed } from "./measure.js";
import { adam, type Variant } from "./variant.js";

/** A mean scale this near to 1 makes no larger steps. */
const SAME_STEPS = 0.001;

/**
 * Trains a model with Adam and with each variant, from the same initial weights and with the same batches, once for each
 * seed, and tells whether the differences are more than chance.
 * @throws InputError for what `train` refuses, for a measure that there is not, for fewer than two seeds, for equal ones,
 *   and when it is interrupted
 */
export async function compare(model: Model, data: ComparisonData, options: CompareOptions): Promise<ComparisonResult> {
  const { seeds = [0, 1, 2, 3, 4], signal } = options;
  if (seeds.length < 2)
    throw new InputError("--seeds", "are too few to tell a difference from chance", "take two or more");
  if (new Set(seeds).size < seeds.length) throw new InputError("--seeds", "hold one twice, which tells nothing more");
  const { loss } = planTraining(model, options, { gradient: false, evaluation: false });
  const measure = measureNamed(options.measure ?? "loss", lossesOf(loss), options.metrics);
  const variants: readonly (TrainedVariant & { readonly runs: ComparedRun[] })[] = variantsOf(model, options).map(
    (variant) => ({ ...variant, runs: [] }),
  );
  let run = 0;
  for (const seed of seeds) {
    const initial = initialOf(model, seed, options);
    for (const { variant, runs } of variants) {
      if (signal?.aborted === true) throw new InputError("comparison", "was interrupted");
      const place = { variant: variant.name, seed, run: ++run, runs: seeds.length * variants.length };
      const { onEvent, ...common } = options;
      const training: TrainOptions = {
        ...common,
        ...variant.options,
        seed,
        ...(initial === undefined ? {} : { initial }),
        ...(measure.metrics === undefined ? {} : { metrics: measure.metrics }),
        onEvent: (event) => onEvent?.(event, place),
      };
      runs.push(await compared(model, data, training, measure.name));
    }
  }
  const { name, better } = measure;
  return judged(variants, {
    seeds,
    measure: name,
    better,
    isOfTest: data.test !== undefined,
    targetLoss: options.targetLoss,
  });
}

/** Adam, the variants, and Adam with the mean step of each. */
function variantsOf(model: Model, options: CompareOptions): readonly Omit<TrainedVariant, "runs">[] {
  const structure = structureOf(model, options);
  const learningRate = options.learningRate ?? optimizerKind("adam").defaultLearningRate;
  const variants = options.variants.map((variant) => {
    const { parameters } = scalesOf(structure, { ...options, ...variant.options });
    return { variant, meanScale: geometricMean(parameters) };
  });
  const largerSteps = options.withLargerSteps === true ? variants : [];
  return [
    { variant: adam, meanScale: 1 },
    ...variants,
    ...largerSteps.flatMap(({ variant: { name }, meanScale }) => {
      if (Math.abs(meanScale - 1) < SAME_STEPS) return [];
      const variant: Variant = {
        name: `adam × ${Number(meanScale.toPrecision(3))}, as ${name}`,
        options: { ...adam.options, learningRate: learningRate * meanScale },
      };
      return [{ variant, meanScale, largerStepsOf: name }];
    }),
  ];
}

function initialOf(model: Model, seed: number, options: CompareOptions): Values | undefined {
  if (options.initialization === undefined) return undefined;
  return initialize(structureOf(model, options), { ...options.initialization, seed });
}

/** A loss that is no longer a number is a result, too. */
async function compared(
  model: Model,
  data: ComparisonData,
  options: TrainOptions,
  measure: string,
): Promise<ComparedRun> {
  const start = performance.now();
  const { seed = 0 } = options;
  const seconds = () => (performance.now() - start) / 1000;
  try {
    const { history, values, step, restoredEpoch, reason } = await trainingRun(model, data, options).result();
    if (reason === "aborted") throw new InputError("comparison", "was interrupted");
    const kept = history.find(({ epoch }) => epoch === restoredEpoch) ?? history.at(-1);
    const taken = seconds();
    const value =
      data.test === undefined ? measured(kept, measure) : await tested(model, data.test, options, measure, values);
    return { seed, value, epochs: history.length, steps: step, seconds: taken, history };
  } catch (error) {
    if (!(error instanceof NotFiniteError)) throw error;
    return {
      seed,
      value: Number.NaN,
      epochs: error.epoch,
      steps: error.step,
      seconds: seconds(),
      history: error.history,
    };
  }
}

async function tested(
  model: Model,
  test: Dataset,
  options: TrainOptions,
  measure: string,
  values: Values,
): Promise<number> {
  const { loss, metrics } = await evaluate(model, test, { ...options, values });
  return measure === "loss" ? loss : (metrics[measure] ?? Number.NaN);
}

function measured(epoch: EpochEvent | undefined, measure: string): number {
  return (measure === "loss" ? epoch?.validationLoss : epoch?.metrics[measure]) ?? Number.NaN;
}
