import {
  InputError,
  losses,
  type LossName,
  type LossOption,
  type LossOptions,
  type LossSpecification,
  type RewriteOptions,
} from "../src/index.js";
import { file, globs, number, summaries, toNumber } from "./options.js";

/** What to train for, as people say it. */
export interface GivenLosses {
  readonly loss: readonly string[];
  readonly "loss-weight": readonly string[];
  readonly "loss-output": string | undefined;
  readonly reduction: "mean" | "sum" | "none" | undefined;
  readonly labels: "index" | "probabilities" | undefined;
  readonly "class-axis": number | undefined;
  readonly "label-smoothing": number | undefined;
  readonly "ignore-index": number | undefined;
  readonly "class-weights": string | undefined;
  readonly delta: number | undefined;
}

/** The options of {@link GivenLosses}. */
export const lossOptions = {
  loss: {
    ...globs,
    describe: `[output=]name; may be repeated for several outputs. By default on the first output.\n${summaries(losses)}`,
  },
  "loss-weight": { ...globs, describe: "output=number: what the loss of that output is multiplied by" },
  "loss-output": { ...file, describe: "The output of the model that is the loss, instead of --loss" },
  reduction: {
    choices: ["mean", "sum", "none"] as const,
    defaultDescription: "mean",
    describe: "What becomes of the examples' losses",
  },
  labels: {
    choices: ["index", "probabilities"] as const,
    defaultDescription: "index",
    describe: `${lossesWith("labels")}: what targets are`,
  },
  "class-axis": {
    ...number("class-axis", `${lossesWith("classAxis")}: the axis of the classes`),
    defaultDescription: "1; the last one of rank 3",
  },
  "label-smoothing": {
    ...number("label-smoothing", `${lossesWith("labelSmoothing")}: the share that is spread over all classes`),
    defaultDescription: "0",
  },
  "ignore-index": {
    ...number("ignore-index", `${lossesWith("ignoreIndex")}: the target that does not count`),
    defaultDescription: "-100",
  },
  "class-weights": {
    type: "string",
    requiresArg: true,
    describe: `${lossesWith("classWeights")}: a weight for each class, with commas between them`,
  },
  delta: { ...number("delta", `${lossesWith("delta")}: where the square ends`), defaultDescription: "1" },
} as const;

/** What is different in training, as people say it. */
export interface GivenTrainingMode {
  readonly "freeze-batch-norm": boolean;
  readonly "no-dropout": boolean;
}

/** The options of {@link GivenTrainingMode}. */
export const trainingModeOptions = {
  "freeze-batch-norm": { type: "boolean", default: false, describe: "Keep the statistics that the file has" },
  "no-dropout": { type: "boolean", default: false, describe: "Drop nothing in training" },
} as const;

/** The options that were given, as the library takes them. */
export function givenTrainingMode(given: GivenTrainingMode): Pick<RewriteOptions, "freezeBatchNorm" | "noDropout"> {
  return { freezeBatchNorm: given["freeze-batch-norm"], noDropout: given["no-dropout"] };
}

/**
 * What to train for, as the library takes it.
 * @throws InputError for no loss, for names of losses that are none, and for weights without a loss
 */
export function lossSpecifications(options: GivenLosses): readonly LossSpecification[] {
  const weights = new Map(options["loss-weight"].map(toWeight));
  const ofModel = options["loss-output"];
  if (ofModel === undefined && options.loss.length === 0) {
    throw new InputError("--loss", "is missing", `name one of ${[...losses.keys()].join(", ")}, or --loss-output`);
  }
  const common = definedOnly(options);
  const named = withWeighedOutput(options.loss.map(splitLoss), [...weights.keys()], ofModel);
  const specifications = named.map(([name, output]): LossSpecification => ({
    name,
    ...common,
    ...(output === undefined ? {} : { output }),
    ...weightOf(weights, output),
  }));
  const all: readonly LossSpecification[] =
    ofModel === undefined
      ? specifications
      : [...specifications, { name: "model", output: ofModel, ...weightOf(weights, ofModel) }];
  const unused = [...weights.keys()].find((output) => !all.some((loss) => loss.output === output));
  if (unused !== undefined) throw new InputError(`--loss-weight ${unused}`, "names no output that has a loss");
  return all;
}

type NamedLoss = readonly [name: LossName, output: string | undefined];

/** The only loss that names no output is on the output that a weight names. */
function withWeighedOutput(
  named: readonly NamedLoss[],
  weighed: readonly string[],
  ofModel: string | undefined,
): readonly NamedLoss[] {
  const known = new Set([...named.map(([, output]) => output), ofModel]);
  const further = weighed.find((output) => !known.has(output));
  const isOnly = named.filter(([, output]) => output === undefined).length === 1;
  return isOnly ? named.map(([name, output]) => [name, output ?? further]) : named;
}

function weightOf(weights: ReadonlyMap<string, number>, output: string | undefined): { readonly weight?: number } {
  const weight = output === undefined ? undefined : weights.get(output);
  return weight === undefined ? {} : { weight };
}

/** The options of losses that were given. */
function definedOnly(options: GivenLosses): LossOptions {
  const { reduction, labels, delta } = options;
  return {
    ...(reduction === undefined ? {} : { reduction }),
    ...(labels === undefined ? {} : { labels }),
    ...(options["class-axis"] === undefined ? {} : { classAxis: options["class-axis"] }),
    ...(options["label-smoothing"] === undefined ? {} : { labelSmoothing: options["label-smoothing"] }),
    ...(options["ignore-index"] === undefined ? {} : { ignoreIndex: options["ignore-index"] }),
    ...(options["class-weights"] === undefined
      ? {}
      : { classWeights: toNumbers("class-weights", options["class-weights"]) }),
    ...(delta === undefined ? {} : { delta }),
  };
}

function splitLoss(text: string): NamedLoss {
  const equals = text.lastIndexOf("=");
  const name = text.slice(equals + 1);
  const known = [...losses.keys()].find((loss) => loss === name);
  if (known === undefined) throw new InputError(`--loss ${text}`, `is none of ${[...losses.keys()].join(", ")}`);
  return [known, equals < 0 ? undefined : text.slice(0, equals)];
}

function toWeight(text: string): readonly [string, number] {
  const equals = text.lastIndexOf("=");
  if (equals <= 0) throw new InputError(`--loss-weight ${text}`, "is not of the form output=number");
  return [text.slice(0, equals), toNumber("loss-weight", text.slice(equals + 1))];
}

function toNumbers(option: string, text: string): readonly number[] {
  return text.split(",").map((part) => toNumber(option, part));
}

/** The names of the losses that know an option, for help texts. */
function lossesWith(option: LossOption): string {
  return [...losses].flatMap(([name, { options }]) => (options.includes(option) ? [name] : [])).join(", ");
}
