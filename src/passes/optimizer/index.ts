import { InputError } from "../../graph/errors.js";
import { adamRule } from "./adam.js";
import type { AdamSettings, GradientClip, OptimizerName, OptimizerSettings, UpdateRule } from "./optimizer.js";
import { sgdRule } from "./sgd.js";

/** What an optimizer can be told; each says which options it knows. */
export interface OptimizerOptions {
  /** Default `caadam`. */
  readonly optimizer?: OptimizerName;
  /** Adam and its kin: how slowly the mean of gradients moves, 0 to 1; default 0.9. */
  readonly beta1?: number;
  /** Adam and its kin: how slowly the mean of squared gradients moves, 0 to 1; default 0.999. */
  readonly beta2?: number;
  /** Adam and its kin: default 1e-7. */
  readonly epsilon?: number;
  /** Adam and its kin: whether ε is beside √v (`keras`, default) or beside √v with its bias corrected (`torch`). */
  readonly epsilonPlacement?: AdamSettings["epsilonPlacement"];
  /** Adam and its kin: divide by the greatest second moment so far; default false. */
  readonly amsgrad?: boolean;
  /** sgd: default 0. */
  readonly momentum?: number;
  /** sgd: look ahead; default false. */
  readonly nesterov?: boolean;
  /** Decoupled weight decay; default 0, of adamw 0.01. */
  readonly weightDecay?: number;
  /** Glob patterns of parameters without weight decay; default none. */
  readonly withoutDecay?: readonly string[];
  /** Default none. */
  readonly clip?: GradientClip;
  /** Average the weights with this momentum, 0 to 1; default not at all. */
  readonly averageMomentum?: number;
}

/** What is known of an optimizer before its options are. */
export interface OptimizerKind {
  /** For help texts. */
  readonly summary: string;
  readonly defaultLearningRate: number;
  readonly defaultWeightDecay: number;
  /** The scaling strategy where none is asked for. */
  readonly defaultStrategy: "multiplicative" | "none";
}

/** All optimizers, by name. */
export const optimizers: ReadonlyMap<OptimizerName, OptimizerKind> = new Map<OptimizerName, OptimizerKind>([
  [
    "caadam",
    {
      summary: "Adam with a learning rate for each layer, from the architecture",
      defaultLearningRate: 0.001,
      defaultWeightDecay: 0,
      defaultStrategy: "multiplicative",
    },
  ],
  ["adam", { summary: "Adam", defaultLearningRate: 0.001, defaultWeightDecay: 0, defaultStrategy: "none" }],
  [
    "adamw",
    {
      summary: "Adam with decoupled weight decay of 0.01",
      defaultLearningRate: 0.001,
      defaultWeightDecay: 0.01,
      defaultStrategy: "none",
    },
  ],
  [
    "sgd",
    {
      summary: "gradient descent, with --momentum",
      defaultLearningRate: 0.01,
      defaultWeightDecay: 0,
      defaultStrategy: "none",
    },
  ],
]);

/** The optimizer with this name, `caadam` where there is none. @throws InputError for an unknown one */
export function optimizerKind(name: OptimizerName = "caadam"): OptimizerKind {
  const kind = optimizers.get(name);
  if (kind === undefined)
    throw new InputError(`--optimizer ${name}`, `is none of ${[...optimizers.keys()].join(", ")}`);
  return kind;
}

/** All numbers of an optimizer. @throws InputError for options that it does not know and for numbers out of range */
export function optimizerSettings(options: OptimizerOptions): OptimizerSettings {
  const {
    optimizer: name = "caadam",
    weightDecay = optimizerKind(name).defaultWeightDecay,
    withoutDecay = [],
  } = options;
  refuseUnfit(options);
  if (withoutDecay.length > 0 && weightDecay === 0) {
    throw new InputError("--without-decay", "means nothing where no weight decays", "give --weight-decay");
  }
  const common = {
    ...(weightDecay === 0 ? {} : { weightDecay }),
    ...(withoutDecay.length === 0 ? {} : { withoutDecay }),
    ...(options.clip === undefined ? {} : { clip: options.clip }),
    ...(options.averageMomentum === undefined ? {} : { averageMomentum: options.averageMomentum }),
  };
  if (name === "sgd") {
    const { momentum = 0, nesterov = false } = options;
    if (nesterov && momentum === 0) throw new InputError("--nesterov", "needs a momentum", "give --momentum");
    return { name, momentum, nesterov, ...common };
  }
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7, epsilonPlacement = "keras", amsgrad = false } = options;
  return { name, beta1, beta2, epsilon, epsilonPlacement, amsgrad, ...common };
}

/** What an optimizer keeps, and how it moves a parameter. */
export function updateRule(settings: OptimizerSettings): UpdateRule {
  return settings.name === "sgd" ? sgdRule(settings) : adamRule(settings);
}

function refuseUnfit(options: OptimizerOptions): void {
  const { optimizer = "caadam", beta1, beta2, epsilon, epsilonPlacement, amsgrad, momentum, nesterov } = options;
  const ofAdam = { beta1, beta2, epsilon, "epsilon-placement": epsilonPlacement, amsgrad };
  const ofSgd = { momentum, nesterov };
  for (const [option, value] of Object.entries(optimizer === "sgd" ? ofAdam : ofSgd)) {
    if (value !== undefined && value !== false) throw new InputError(`--${option}`, `means nothing to ${optimizer}`);
  }
  const { weightDecay, averageMomentum, clip } = options;
  for (const [option, value] of Object.entries({ beta1, beta2, momentum, ema: averageMomentum })) {
    if (value !== undefined && !(value >= 0 && value < 1)) {
      throw new InputError(`--${option} ${value}`, "is out of range: it takes a number from 0 to below 1");
    }
  }
  for (const [option, value] of Object.entries({ epsilon, "weight-decay": weightDecay })) {
    if (value !== undefined && !(value >= 0 && value < Infinity)) {
      throw new InputError(`--${option} ${value}`, "is out of range: it takes a finite number that is not negative");
    }
  }
  if (clip !== undefined && !(clip.limit > 0 && clip.limit < Infinity)) {
    throw new InputError(`--clip-${clip.by} ${clip.limit}`, "is out of range: it takes a finite number above 0");
  }
}
