import {
  type Convention,
  conventions,
  type GradientClip,
  InputError,
  type OptimizerName,
  type OptimizerOptions,
  optimizers,
  type ScaleOptions,
  strategies,
  type StrategyName,
} from "../src/index.js";

/** What --strategy takes. */
export const strategyNames = [...strategies.keys()];
/** What --convention takes. */
export const conventionNames = [...conventions.keys()];

/** An option that may be given several times, each time with one pattern. */
export const globs = {
  type: "string",
  array: true,
  nargs: 1,
  default: [] as string[],
  defaultDescription: "none",
} as const;

/** Names a file or folder. */
export const file = { type: "string", requiresArg: true } as const;

/** An option that takes a number. */
export function number(name: string, describe: string) {
  // Text to the parser, so that what is no number can be repeated to the person; a number to the help text.
  const type = { type: "string", number: true, requiresArg: true } as const;
  return { ...type, coerce: (given: string) => toNumber(name, given), describe } as const;
}

/** How scales are computed, as people say it. */
export interface GivenScales {
  readonly strategy: StrategyName | undefined;
  readonly gamma: number | undefined;
  readonly convention: Convention;
  readonly normalize: boolean;
}

/** The options of {@link GivenScales}. */
export const scaleOptions = {
  strategy: {
    choices: strategyNames,
    defaultDescription: "multiplicative for caadam, none for other optimizers",
    describe: summaries(strategies),
  },
  gamma: number("gamma", "How strong the strategy is; each has its own default"),
  convention: { choices: conventionNames, default: "layer" as const, describe: summaries(conventions) },
  normalize: {
    type: "boolean",
    default: false,
    describe: "Divide scales by their element-weighted geometric mean",
  },
} as const;

/** The options that were given, as the library takes them. */
export function givenScaleOptions({ strategy, gamma, convention, normalize }: GivenScales): ScaleOptions {
  return {
    convention,
    normalize,
    ...(strategy === undefined ? {} : { strategy }),
    ...(gamma === undefined ? {} : { gamma }),
  };
}

/** The numbers of Adam and of what is made of it, as people say them; but for the first five, those of all optimizers. */
export interface GivenAdam {
  readonly beta1: number | undefined;
  readonly beta2: number | undefined;
  readonly epsilon: number | undefined;
  readonly "epsilon-placement": OptimizerOptions["epsilonPlacement"];
  readonly amsgrad: boolean;
  readonly "weight-decay": number | undefined;
  readonly "without-decay": readonly string[];
  readonly "clip-value": number | undefined;
  readonly "clip-norm": number | undefined;
  readonly "clip-global-norm": number | undefined;
  readonly ema: number | undefined;
}

/** The optimizer with its numbers, as people say it. */
export interface GivenOptimizer extends GivenAdam {
  readonly optimizer: OptimizerName;
  readonly momentum: number | undefined;
  readonly nesterov: boolean;
}

const ofAdam = "caadam, adam, adamw";

/** The options of {@link GivenAdam}. */
export const adamOptions = {
  beta1: {
    ...number("beta1", `${ofAdam}: how slowly the mean of gradients moves, from 0 to 1`),
    defaultDescription: "0.9",
  },
  beta2: {
    ...number("beta2", `${ofAdam}: how slowly the mean of squared gradients moves, from 0 to 1`),
    defaultDescription: "0.999",
  },
  epsilon: { ...number("epsilon", `${ofAdam}: what keeps the divisor from 0`), defaultDescription: "1e-7" },
  "epsilon-placement": {
    choices: ["keras", "torch"] as const,
    defaultDescription: "keras",
    describe: `${ofAdam}: epsilon before (keras) or after (torch) the bias of the second moment is corrected`,
  },
  amsgrad: { type: "boolean", default: false, describe: `${ofAdam}: divide by the greatest second moment so far` },
  "weight-decay": {
    ...number("weight-decay", "What weights lose at each step, times the learning rate"),
    defaultDescription: "0; 0.01 of adamw",
  },
  "without-decay": {
    ...globs,
    describe: "Leave the weights whose name matches this pattern out of weight decay; may be repeated",
  },
  "clip-value": number("clip-value", "Clip each element of the gradients to this magnitude"),
  "clip-norm": number("clip-norm", "Clip the norm of each parameter's gradient"),
  "clip-global-norm": number("clip-global-norm", "Clip the norm of all gradients together"),
  ema: number("ema", "Also keep an average of the weights that moves with this momentum, from 0 to 1, such as 0.99"),
} as const;

/** The options of {@link GivenOptimizer}. */
export const optimizerOptions = {
  optimizer: { choices: [...optimizers.keys()], default: "caadam" as const, describe: summaries(optimizers) },
  ...adamOptions,
  momentum: {
    ...number("momentum", "sgd: how much of the last step goes into the next, from 0 to 1"),
    defaultDescription: "0",
  },
  nesterov: { type: "boolean", default: false, describe: "sgd: look ahead, with --momentum" },
} as const;

/** The options that were given, as the library takes them. @throws InputError for two ways of clipping */
export function givenAdamOptions(given: GivenAdam): OptimizerOptions {
  const { beta1, beta2, epsilon, amsgrad, ema } = given;
  const { "epsilon-placement": epsilonPlacement, "weight-decay": weightDecay, "without-decay": withoutDecay } = given;
  const clip = givenClip(given);
  return {
    amsgrad,
    withoutDecay,
    ...(beta1 === undefined ? {} : { beta1 }),
    ...(beta2 === undefined ? {} : { beta2 }),
    ...(epsilon === undefined ? {} : { epsilon }),
    ...(epsilonPlacement === undefined ? {} : { epsilonPlacement }),
    ...(weightDecay === undefined ? {} : { weightDecay }),
    ...(clip === undefined ? {} : { clip }),
    ...(ema === undefined ? {} : { averageMomentum: ema }),
  };
}

/** The same of any optimizer. */
export function givenOptimizerOptions(given: GivenOptimizer): OptimizerOptions {
  const { optimizer, momentum, nesterov } = given;
  return { ...givenAdamOptions(given), optimizer, nesterov, ...(momentum === undefined ? {} : { momentum }) };
}

function givenClip(given: GivenAdam): GradientClip | undefined {
  const [clip, second] = (["value", "norm", "global-norm"] as const).flatMap((by): readonly GradientClip[] => {
    const limit = given[`clip-${by}`];
    return limit === undefined ? [] : [{ by, limit }];
  });
  if (clip !== undefined && second !== undefined) {
    throw new InputError(`--clip-${second.by}`, `does not go with --clip-${clip.by}`, "choose one");
  }
  return clip;
}

/** What is trained. */
export const trainabilityOptions = {
  freeze: { ...globs, describe: "Leave out parameters whose name matches this pattern; may be repeated" },
  train: { ...globs, describe: "Take in parameters that would be left out; may be repeated" },
} as const;

/** Each entry of a registry with what it says of itself, one a line. */
export function summaries(registry: ReadonlyMap<string, { readonly summary: string }>): string {
  return [...registry].map(([name, { summary }]) => `${name}: ${summary}`).join("\n");
}

/** @throws InputError for a text that is no number */
export function toNumber(option: string, text: string): number {
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (Number.isNaN(value)) throw new InputError(`--${option} "${text}"`, "is not a number");
  return value;
}

/** Names with commas between. */
export function namesIn(text: string): readonly string[] {
  return text.split(",").map((name) => name.trim());
}
