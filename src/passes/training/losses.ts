import type { Emitter, Value } from "../../graph/emitter.js";
import { isFloatingPoint } from "../../graph/data-type.js";
import { InputError } from "../../graph/errors.js";
import type { Graph } from "../../graph/model.js";
import { formatShape } from "../../graph/shapes/shape-math.js";
import { Operators } from "../../graph/operators.js";
import { losses as lossHeads } from "../loss/index.js";
import { classAxisOf, type LossHead, type LossName, type LossOptions } from "../loss/loss.js";
import type { ContractLoss, ContractTensor } from "./contract.js";
import type { Forward } from "./forward.js";

/** What to train for: a loss on an output of the model, or an output that is the loss. */
export type LossSpecification =
  | ({
      readonly name: LossName;
      /** By default the model's first output of real numbers. */
      readonly output?: string;
      /** By default 1. */
      readonly weight?: number;
    } & LossOptions)
  | { readonly name: "model"; readonly output: string; readonly weight?: number };

/** A loss in a graph under construction. */
export interface EmittedLoss {
  readonly value: Value;
  readonly targets: readonly Value[];
  /** By name. */
  readonly metrics: ReadonlyMap<string, Value>;
  /** What was chosen where the specification was silent. */
  readonly resolved: readonly ContractLoss[];
}

/** Emits the sum of all losses, each with its weight. @throws InputError for what cannot be computed from this model */
export function emitLosses(
  specifications: readonly LossSpecification[],
  graph: Graph,
  forward: Forward,
  emitter: Emitter,
): EmittedLoss {
  if (specifications.length === 0) throw new InputError("--loss", "is missing", "name one at least");
  refuseUnfit(specifications);
  const g = new Operators(emitter);
  const emitted = specifications.map((specification) =>
    specification.name === "model"
      ? lossOfModel(specification, graph, forward, g)
      : lossOnOutput(specification, { graph, forward, g, isOnly: specifications.length === 1 }),
  );
  refuseRepeated(emitted.map(({ resolved }) => resolved));
  const weighted = emitted.map(({ value, resolved }) => g.mul(value, resolved.weight));
  return {
    value: g.sum(weighted),
    targets: emitted.flatMap(({ target }) => (target === undefined ? [] : [target])),
    metrics: new Map(emitted.flatMap(({ metrics }) => [...metrics])),
    resolved: emitted.map(({ resolved }) => resolved),
  };
}

interface OneLoss {
  readonly value: Value;
  readonly target: Value | undefined;
  readonly metrics: ReadonlyMap<string, Value>;
  readonly resolved: ContractLoss;
}

function lossOfModel(
  { output, weight = 1 }: Extract<LossSpecification, { name: "model" }>,
  graph: Graph,
  { values }: Forward,
  g: Operators,
): OneLoss {
  const value = values.get(output);
  if (value === undefined) throw unknownOutput(`--loss-output ${output}`, graph);
  requireRealNumbers(value, output);
  const elements = value.shape?.every((extent) => extent === 1);
  if (elements === false) {
    throw new InputError(
      `--loss-output ${output}`,
      `has the shape [${value.shape?.join(", ") ?? ""}], and a loss is one number`,
      "name a scalar, or reduce it in the model",
    );
  }
  const resolved = { name: "model", output, weight } as const;
  const scalar = value.shape?.length === 0 ? value : g.reshape(value, []);
  return { value: scalar, target: undefined, metrics: new Map(), resolved };
}

interface Place {
  readonly graph: Graph;
  readonly forward: Forward;
  readonly g: Operators;
  readonly isOnly: boolean;
}

function lossOnOutput(
  specification: Exclude<LossSpecification, { name: "model" }>,
  { graph, forward, g, isOnly }: Place,
): OneLoss {
  const { name, weight = 1, output: wanted, ...options } = specification;
  const head = lossHeads.get(name);
  if (head === undefined) throw new InputError(`--loss ${name}`, `is none of ${[...lossHeads.keys()].join(", ")}`);
  refuseUnknown(name, head, options);
  const output = wanted ?? firstOfRealNumbers(graph, forward);
  const prediction = forward.values.get(output);
  if (prediction === undefined) throw unknownOutput(`--loss ${output}=${name}`, graph);
  requireRealNumbers(prediction, output);
  const type = head.targetType(prediction, options);
  const target = g.emitter.newInput(isOnly ? "target" : `${output}.target`, type);
  const context = { g, prediction, target, options };
  const kind = head.predictionKind?.(context);
  const metrics = Object.entries(head.metrics(context)).map(
    ([metric, value]) => [isOnly ? metric : `${output}.${metric}`, value] as const,
  );
  return {
    value: head.loss(context),
    target,
    metrics: new Map(metrics),
    resolved: {
      name,
      output,
      weight,
      target: target.name,
      ...classesOf(prediction, target, options),
      ...options,
      ...(kind === undefined ? {} : { predictions: kind }),
    },
  };
}

/**
 * Only a graph that is written for others may give a loss for each example.
 * @throws InputError for a loss of several numbers, which has no gradient and no mean over batches
 */
export function requireOneNumber({ shape }: { readonly shape?: ContractTensor["shape"] | undefined }): void {
  if (shape?.every((extent) => extent === 1) !== false) return;
  const what = `gives a loss of shape ${formatShape(shape)}, and what is trained or measured is one number`;
  throw new InputError("--reduction none", what, "use mean or sum");
}

function classesOf(prediction: Value, target: Value, options: LossOptions): Pick<ContractLoss, "classes"> {
  const classes = target.dataType === "int64" ? prediction.shape?.at(classAxisOf(prediction, options)) : undefined;
  return typeof classes === "number" && classes > 1 ? { classes } : {};
}

function unknownOutput(option: string, { outputs }: Graph): InputError {
  const names = outputs.map(({ name }) => `"${name}"`).join(", ");
  return new InputError(option, "names no output of the model", `its outputs are ${names}`);
}

/** @throws InputError for weights that are no numbers */
function refuseUnfit(specifications: readonly LossSpecification[]): void {
  for (const { weight = 1 } of specifications) {
    if (!Number.isFinite(weight)) throw new InputError(`--loss-weight ${weight}`, "is not a finite number");
  }
}

/** @throws InputError for two losses on one output */
function refuseRepeated(losses: readonly ContractLoss[]): void {
  const outputs = new Set<string>();
  for (const { name, output } of losses) {
    if (outputs.has(output)) throw new InputError(`--loss ${name}`, `is the second loss on "${output}"`);
    outputs.add(output);
  }
}

function firstOfRealNumbers(graph: Graph, { values }: Forward): string {
  const output = graph.outputs.find(({ name }) => isFloatingPoint(values.get(name)?.dataType ?? "undefined"));
  if (output === undefined) {
    throw new InputError(`model "${graph.name}"`, "has no output of real numbers, which a loss needs");
  }
  return output.name;
}

function requireRealNumbers({ dataType }: Value, output: string): void {
  if (!isFloatingPoint(dataType)) {
    throw new InputError(
      `output "${output}"`,
      `holds ${dataType}, and a loss needs real numbers`,
      "name another output",
    );
  }
}

function refuseUnknown(name: LossName, head: LossHead, options: LossOptions): void {
  const known: ReadonlySet<string> = new Set([...head.options, "reduction"]);
  const unknown = Object.entries(options).find(([option, value]) => value !== undefined && !known.has(option));
  if (unknown !== undefined) throw new InputError(flag(unknown[0]), `means nothing to the loss ${name}`);
  const { labelSmoothing = 0, delta = 1, ignoreIndex = 0, classAxis = 0, classWeights = [] } = options;
  const refuse = (option: string, value: number, range: string) => {
    throw new InputError(`${flag(option)} ${value}`, `is out of range: it takes ${range}`);
  };
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) refuse("labelSmoothing", labelSmoothing, "a number from 0 to 1");
  if (!(delta > 0 && delta < Infinity)) refuse("delta", delta, "a number above 0");
  if (!Number.isSafeInteger(ignoreIndex)) refuse("ignoreIndex", ignoreIndex, "a whole number");
  if (!Number.isSafeInteger(classAxis)) refuse("classAxis", classAxis, "a whole number");
  for (const weight of classWeights) {
    if (!(weight >= 0 && weight < Infinity)) refuse("classWeights", weight, "numbers that are not negative");
  }
}

/** An option as the command line writes it. */
function flag(option: string): string {
  return `--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
