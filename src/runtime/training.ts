import { InputError } from "../graph/errors.js";
import type { Model } from "../graph/model.js";
import { stepNumbers } from "../passes/optimizer/step-numbers.js";
import { planTraining, type TrainingPlan } from "../passes/training/rewrite.js";
import { channelBlockFor } from "./blocked-artifacts.js";
import { type CountedBatch, epochBatches, grouped, isDataset } from "./batches.js";
import { type CheckpointFolder, checkpointFolder } from "./checkpoints/checkpoint-folder.js";
import { readSafetensors } from "./checkpoints/safetensors.js";
import { randomOf } from "./data/random.js";
import { type EarlyStoppingState, judgeEpoch } from "./early-stopping.js";
import { computingOf } from "./computing.js";
import { Engine } from "./engine.js";
import { type FloatTensor, isFloats } from "./host-tensor.js";
import type { EndReason, EpochEvent, GradientNormsEvent, TrainingEvent } from "./events.js";
import { requireSameTraining } from "./fingerprint.js";
import { stateNotFinite } from "./first-not-finite.js";
import { initialValues } from "./initial-values.js";
import { NotFiniteError } from "./not-finite-error.js";
import { ProgressClock } from "./progress-clock.js";
import { decodeRun, encodeRun, type RunState, startOfRun } from "./run-state.js";
import { type LearningRates, startSchedule } from "./schedules/learning-rates.js";
import type { TrainingData, TrainOptions } from "./train-options.js";
import type { TrainingResult } from "./training-result.js";
import { type TrainingSettings, trainingSettings } from "./training-settings.js";
import { copied, type Values } from "./training-state.js";
import { validate } from "./validate.js";

/** One training, from its options to its result. */
export class Training {
  readonly #model: Model;
  readonly #data: TrainingData;
  readonly #options: TrainOptions;
  #state: RunState = startOfRun;
  #history: readonly EpochEvent[] = [];
  /** The values of the best epoch, where they are to be restored. */
  #best: Values | undefined;
  #result: TrainingResult | undefined;
  /** Whether there has been a step; a resumed epoch may have all of its steps behind it. */
  #hasGradients = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(model: Model, data: TrainingData, options: TrainOptions) {
    this.#model = model;
    this.#data = data;
    this.#options = options;
  }

  /** What it has come to, when all events have been. @throws what ended the events before their time */
  result(): TrainingResult {
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#result === undefined) throw new InputError("training", "was left before its end");
    return this.#result;
  }

  /** Trains, event by event. */
  async *events(): AsyncGenerator<TrainingEvent, void, void> {
    try {
      for await (const event of this.#train()) {
        this.#options.onEvent?.(event);
        yield event;
      }
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  async *#train(): AsyncGenerator<TrainingEvent, void, void> {
    const plan = planTraining(this.#model, this.#options, {
      gradient: true,
      evaluation: this.#data.validation !== undefined,
    });
    const settings = trainingSettings(plan, this.#data, this.#options);
    for (const message of [...plan.warnings, ...settings.warnings]) yield { event: "warning", message };
    const initial = initialValues(this.#model, plan, this.#options.initial);
    const { threads } = this.#options;
    const computing = computingOf(plan, settings.batchSize, threads === undefined ? {} : { threads });
    const engine = await Engine.open(plan, initial, computing, await channelBlockFor(plan.gradient));
    try {
      const folder = yield* this.#openCheckpoints(engine, settings);
      const rates = startSchedule(settings.schedule, settings.scheduleContext, this.#state.schedule);
      yield* this.#run({ plan, settings, engine, rates, folder });
    } finally {
      await engine.close();
    }
  }

  async *#run(run: Run): AsyncGenerator<TrainingEvent, void, void> {
    const { plan, settings } = run;
    // The first batch tells of streams alone: of what is read again and again, a short one may be the first after a pause.
    if (isDataset(this.#data.training)) this.#state = { ...this.#state, fullBatch: settings.batchSize };
    const clock = new ProgressClock(settings);
    yield {
      event: "start",
      examples: settings.examples,
      validationExamples: this.#data.validation?.count ?? 0,
      epochs: settings.epochs,
      stepsPerEpoch: settings.stepsPerEpoch,
      elements: plan.table.parameters.reduce((sum, { elements }) => sum + elements, 0),
      step: this.#state.step,
      epoch: this.#state.epoch - 1,
    };
    while (this.#state.epoch <= settings.epochs && !this.#state.isStopped) {
      clock.startEpoch();
      for await (const group of grouped(this.#batches(settings), settings.accumulate)) {
        if (this.#options.signal?.aborted === true) {
          yield* this.#save(run, false);
          yield* this.#end("aborted", run, clock);
          return;
        }
        const { step: before } = this.#state;
        await this.#step(group, run);
        const { epoch, step, batch, lossSum, weightSum } = this.#state;
        const isDue = step > before && settings.everySteps !== undefined && step % settings.everySteps === 0;
        if (isDue) yield* this.#save(run, false);
        const progress = clock.progress(
          step,
          group.reduce((sum, { examples }) => sum + examples, 0),
        );
        if (progress === undefined) continue;
        const learningRate = run.rates.rateAt(Math.max(step - 1, 0));
        yield { event: "progress", epoch, step, batch, loss: lossSum / weightSum, learningRate, ...progress };
      }
      if (this.#state.batch === 0) throw this.#noBatches();
      if (this.#state.weightSum === 0) throw this.#nothingCounts();
      yield* this.#endEpoch(run, clock);
    }
    yield* this.#end(this.#state.isStopped ? "early-stopping" : "epochs", run, clock);
  }

  #batches(settings: TrainingSettings): AsyncIterable<CountedBatch> {
    const { epoch, batch: skip } = this.#state;
    const { batchSize, seed, shuffle, isFixed, countedBy, accumulate: inUse } = settings;
    return epochBatches(this.#data.training, { epoch, batchSize, seed, shuffle, skip, isFixed, countedBy, inUse });
  }

  /** One update, from one batch or several. */
  async #step(group: readonly CountedBatch[], { plan, settings, engine, rates }: Run): Promise<void> {
    const { batch, step, lossSum, weightSum } = this.#state;
    const { isMean, countOf } = settings.measures;
    // A batch in which nothing counts, such as one of padding alone, has no mean.
    const counting = group.map((one) => ({ fed: one.batch, count: countOf(one) })).filter(({ count }) => count > 0);
    const fullBatch = this.#state.fullBatch || (group[0]?.examples ?? 0);
    this.#state = { ...this.#state, batch: batch + group.length, fullBatch };
    if (counting.length === 0) return;
    const total = counting.reduce((sum, { count }) => sum + count, 0);
    let sum = lossSum;
    for (const [index, { fed, count }] of counting.entries()) {
      const seed = engine.hasDropout ? randomOf(settings.seed, "dropout", step * settings.accumulate + index)() : 0;
      const loss = await engine.gradient(fed, seed, fullBatch);
      if (!Number.isFinite(loss)) throw this.#notFinite(loss, await engine.firstNotFinite(fed, seed));
      const weight = isMean ? count : 1;
      sum += loss * weight;
      if (counting.length === 1) continue;
      const [isFirst, isLast] = [index === 0, index === counting.length - 1];
      await engine.accumulate({ isFirst, isLast, weight, factor: isMean ? 1 / total : 1 });
    }
    const numbers = stepNumbers(plan.optimizer, rates.rateAt(step), step + 1, precisionOf(plan));
    await engine.update(numbers, step === 0);
    this.#hasGradients = true;
    this.#state = { ...this.#state, step: step + 1, lossSum: sum, weightSum: weightSum + total };
  }

  async *#endEpoch(run: Run, clock: ProgressClock): AsyncGenerator<TrainingEvent, void, void> {
    const { settings, engine, rates } = run;
    const { epoch, step, lossSum, weightSum, stopping } = this.#state;
    this.#requireFinite(engine);
    const loss = lossSum / weightSum;
    const { validation } = this.#data;
    const evaluate = engine.evaluate.bind(engine);
    const measured = validation && (await validate(validation, evaluate, settings.measures, settings.evaluation));
    const monitored = (name: string) => (name === "loss" ? (measured?.loss ?? loss) : (measured?.metrics[name] ?? NaN));
    const verdict = judgeEpoch(stopping, epoch, monitored(settings.stopping.monitor), settings.stopping);
    const learningRate = rates.rateAt(step - 1);
    const isLowered = rates.endEpoch(monitored(settings.schedule.monitor ?? "loss"));
    const event: EpochEvent = {
      event: "epoch",
      epoch,
      step,
      loss,
      ...(measured === undefined ? {} : { validationLoss: measured.loss }),
      metrics: measured?.metrics ?? {},
      learningRate,
      seconds: clock.epochSeconds(),
      isBest: verdict.isBest,
    };
    this.#history = [...this.#history, event];
    this.#state = {
      ...startOfRun,
      fullBatch: this.#state.fullBatch,
      epoch: epoch + 1,
      step,
      schedule: rates.state(),
      stopping: verdict.state,
      isStopped: verdict.shouldStop,
    };
    if (verdict.isBest && settings.stopping.restoreBest) this.#best = copied(valuesOf(engine));
    yield event;
    if (this.#options.gradientNorms === true && this.#hasGradients) yield gradientNorms(engine, epoch, step);
    if (isLowered) yield { event: "learning-rate", epoch, step, learningRate: rates.rateAt(step) };
    yield* this.#save(run, verdict.isBest);
  }

  async *#end(
    reason: EndReason,
    { plan, settings, engine, folder }: Run,
    clock: ProgressClock,
  ): AsyncGenerator<TrainingEvent> {
    const { step, stopping } = this.#state;
    const epoch = this.#state.epoch - 1;
    const isRestored = settings.stopping.restoreBest && stopping.bestEpoch !== null && reason !== "aborted";
    const restored =
      isRestored && stopping.bestEpoch !== epoch ? (this.#best ?? bestOf(engine, stopping, folder)) : undefined;
    const restoredEpoch =
      restored === undefined || stopping.bestEpoch === null ? {} : { restoredEpoch: stopping.bestEpoch };
    // Copies find room where sessions were.
    await engine.close();
    const values = restored ?? copied(valuesOf(engine));
    this.#result = { reason, epoch, step, history: this.#history, values, table: plan.table, ...restoredEpoch };
    yield { event: "end", reason, epoch, step, seconds: clock.seconds(), ...restoredEpoch };
  }

  /** Opens the folder of checkpoints and goes on from the latest, where that is asked for. */
  *#openCheckpoints(
    engine: Engine,
    settings: TrainingSettings,
  ): Generator<TrainingEvent, CheckpointFolder | undefined> {
    const { checkpoints } = this.#options;
    if (checkpoints === undefined) return undefined;
    const { folder: path, resume = false, keep } = checkpoints;
    const folder = checkpointFolder(path, keep === undefined ? {} : { keep });
    if (!resume) {
      if (folder.steps().length === 0) return folder;
      const remedy = "go on from them with --resume, or choose another folder";
      throw new InputError(path, "holds checkpoints of an earlier training", remedy);
    }
    const { checkpoint, warnings } = folder.newest();
    for (const message of warnings) yield { event: "warning", message };
    if (checkpoint === undefined) return folder;
    const { metadata, tensors } = readSafetensors(checkpoint.file);
    requireSameTraining(settings.fingerprint, metadata["training"], checkpoint.path);
    const { state, history } = decodeRun(metadata, checkpoint.path);
    engine.state.restore(tensors, checkpoint.path);
    this.#state = state;
    this.#history = history;
    return folder;
  }

  *#save({ engine, folder, settings }: Run, isBest: boolean): Generator<TrainingEvent, void> {
    if (folder === undefined) return;
    this.#requireFinite(engine);
    const { epoch, step } = this.#state;
    const metadata = {
      format: "caadam-checkpoint",
      version: "1",
      training: JSON.stringify(settings.fingerprint),
      ...encodeRun({ state: this.#state, history: this.#history }),
      ...settings.kept,
    };
    const file = folder.save(step, { tensors: engine.state.snapshot(), metadata }, isBest);
    yield { event: "checkpoint", file, epoch, step };
  }

  #notFinite(loss: number, first = "the loss itself"): NotFiniteError {
    const { epoch, step } = this.#state;
    const what = `the loss is ${loss}: the first tensor that is not finite is ${first}`;
    return new NotFiniteError(what, epoch, step + 1, this.#history);
  }

  /** A gradient may not be finite where its loss still is. */
  #requireFinite({ state }: Engine): void {
    const first = stateNotFinite(state);
    if (first === undefined) return;
    const { epoch, step } = this.#state;
    throw new NotFiniteError(`${first} is not finite any more`, epoch, step, this.#history);
  }

  #noBatches(): InputError {
    const { epoch } = this.#state;
    const remedy = epoch === 1 ? undefined : "a stream is asked for all of them anew in each epoch";
    return new InputError("the training data", `have no batches in epoch ${epoch}`, remedy);
  }

  #nothingCounts(): InputError {
    const what = `have no example that counts in epoch ${this.#state.epoch}`;
    return new InputError(
      "the training data",
      what,
      "look at the target, the ignored class and the weights of classes",
    );
  }
}

/** What all of a training has in common. */
interface Run {
  readonly plan: TrainingPlan;
  readonly settings: TrainingSettings;
  readonly engine: Engine;
  readonly rates: LearningRates;
  readonly folder: CheckpointFolder | undefined;
}

/** The type of the parameters; float64 where there are both. */
function precisionOf({ parameters }: TrainingPlan): "float32" | "float64" {
  return parameters.some(({ dataType }) => dataType === "float64") ? "float64" : "float32";
}

/** What would be saved as the trained model. */
function valuesOf({ state }: Engine): ReadonlyMap<string, FloatTensor> {
  const averages = state.views("average");
  return new Map([...(averages.size === 0 ? state.views("parameter") : averages), ...state.views("buffer")]);
}

/** The values of the best epoch, as a checkpoint has them. */
function bestOf(engine: Engine, { bestEpoch }: EarlyStoppingState, folder: CheckpointFolder | undefined): Values {
  const best = folder?.best();
  if (best === undefined) throw new InputError(folder?.path ?? "checkpoints", "have lost the best epoch", "train anew");
  // Who went on from an earlier checkpoint may not have come to the best epoch again.
  const { state } = decodeRun(best.metadata, best.label);
  if (state.stopping.bestEpoch !== bestEpoch) {
    const what = `is of epoch ${state.stopping.bestEpoch}, and the best until here is epoch ${bestEpoch}`;
    throw new InputError(best.label, what, "train for as many epochs as before");
  }
  const kind = engine.state.views("average").size === 0 ? "parameter" : "average";
  const names = [...valuesOf(engine).keys()];
  return new Map(
    names.map((name) => {
      const value = best.read(best.tensors.has(`buffer/${name}`) ? `buffer/${name}` : `${kind}/${name}`);
      if (isFloats(value)) return [name, value];
      throw new InputError(best.label, `has ${value.type} for "${name}"`, "train anew");
    }),
  );
}

function gradientNorms({ state }: Engine, epoch: number, step: number): GradientNormsEvent {
  const parameters = state.views("parameter");
  const norms = [...state.views("gradient")].map(([name, gradient]) => {
    const parameter = parameters.get(name);
    return [name, { gradient: norm(gradient), parameter: parameter === undefined ? 0 : norm(parameter) }] as const;
  });
  return { event: "gradient-norms", epoch, step, norms: Object.fromEntries(norms) };
}

function norm({ data }: FloatTensor): number {
  let sum = 0;
  for (let index = 0; index < data.length; index++) sum += (data[index] ?? 0) ** 2;
  return Math.sqrt(sum);
}
