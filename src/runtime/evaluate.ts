import { InputError } from "../graph/errors.js";
import type { Model } from "../graph/model.js";
import { lossesOf } from "../passes/training/contract.js";
import { requireOneNumber } from "../passes/training/losses.js";
import { planTraining, type RewriteOptions } from "../passes/training/rewrite.js";
import { batchingOf, leftOut } from "./batching.js";
import { evaluateBatch, openCall } from "./call.js";
import type { Batch, Dataset } from "./data/dataset.js";
import type { HostTensor } from "./host-tensor.js";
import { initialValues } from "./initial-values.js";
import { blockedArtifact, channelBlockFor } from "./blocked-artifacts.js";
import { runtimeTensor, Session, type SessionOptions } from "./session.js";
import { type Measured, measuresOf, validate } from "./validate.js";

/** How to evaluate. */
export interface EvaluateOptions extends Pick<RewriteOptions, "loss" | "freezeBatchNorm">, SessionOptions {
  /** Examples in a batch; default 256, or what the model takes alone. */
  readonly batchSize?: number;
  /** Names of metrics; default those of the loss. */
  readonly metrics?: readonly string[];
  /** Values that take the place of the model's own. */
  readonly values?: ReadonlyMap<string, HostTensor>;
}

/** What was measured, and what there is to say of it. */
export interface Evaluated extends Measured {
  /** Each one line, for the person who asked. */
  readonly warnings: readonly string[];
}

/**
 * The loss and metrics of a model over all examples of a dataset, but for a rest that a model of batches of one size
 * alone does not take; nothing is dropped, and running statistics are used.
 * @throws InputError for a loss, metrics, a batch size or data that do not fit the model
 */
export async function evaluate(model: Model, data: Dataset, options: EvaluateOptions): Promise<Evaluated> {
  const plan = planTraining(model, options, { gradient: false, evaluation: true });
  const { evaluation } = plan;
  if (evaluation === undefined) throw new Error("an evaluation was planned");
  const loss = evaluation.contract.outputs.find(({ role }) => role === "loss");
  if (loss !== undefined) requireOneNumber(loss);
  if (data.count === 0) throw new InputError("data", "have no examples to evaluate");
  const losses = lossesOf(plan.loss);
  const measures = measuresOf(losses, options.metrics);
  const batching = batchingOf(evaluation.contract, options.batchSize, { "the data": data.count }, 256);
  const values = initialValues(model, plan, options.values);
  const call = await openCall(
    blockedArtifact(evaluation, await channelBlockFor(evaluation)),
    ({ role, of = "" }) => {
      const value = role === "parameter" ? values.get(of) : undefined;
      return value && runtimeTensor(value);
    },
    (opened) => Session.open(opened, options),
    losses,
  );
  const buffers = call.contract.inputs.flatMap(({ name, role, of = "" }) => {
    const value = role === "buffer" ? values.get(of) : undefined;
    return value === undefined ? [] : [[name, runtimeTensor(value)] as const];
  });
  const fed = Object.fromEntries(buffers);
  try {
    const run = (batch: Batch, outputs: ReadonlySet<string>) => evaluateBatch(call, fed, batch, outputs);
    const measured = await validate(data, run, measures, batching);
    const isFinite = Number.isFinite(measured.loss);
    const odd = isFinite ? [] : [`the loss is ${measured.loss}: look at the data, and at the weights of the model`];
    return { ...measured, warnings: [...leftOut(data.count, batching, "the data"), ...odd] };
  } finally {
    await call.session.close();
  }
}
