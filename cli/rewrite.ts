import type { CommandModule } from "yargs";
import {
  type ArtifactName,
  artifactNames,
  InputError,
  losses,
  type LossName,
  type LossOption,
  type LossOptions,
  type LossSpecification,
  readModel,
  rewrite,
  writeArtifacts,
} from "../src/index.js";
import {
  type conventionNames,
  file,
  globs,
  number,
  scaleOptions,
  type strategyNames,
  summaries,
  toNumber,
  trainabilityOptions,
} from "./options.js";
import { type CommonOptions, processTerminal, type Terminal } from "./terminal.js";

interface RewriteCommandOptions extends CommonOptions {
  readonly model: string;
  readonly output: string;
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
  readonly emit: string;
  readonly freeze: readonly string[];
  readonly train: readonly string[];
  readonly "freeze-batch-norm": boolean;
  readonly "no-dropout": boolean;
  readonly strategy: (typeof strategyNames)[number];
  readonly gamma: number | undefined;
  readonly convention: (typeof conventionNames)[number];
  readonly normalize: boolean;
}

/** The names of the losses that know an option, for help texts. */
function lossesWith(option: LossOption): string {
  return [...losses].flatMap(([name, { options }]) => (options.includes(option) ? [name] : [])).join(", ");
}

/** `caadam-onnx rewrite`: training graphs for any ONNX Runtime. */
export const rewriteCommand: CommandModule<CommonOptions, RewriteCommandOptions> = {
  command: "rewrite <model>",
  describe: "Write training graphs of standard operators: loss, gradients, evaluation",
  builder: (yargs) =>
    yargs
      .positional("model", { type: "string", demandOption: true, describe: "An ONNX file" })
      .options({
        output: { ...file, alias: "o", demandOption: true, describe: "The folder to write to" },
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
        emit: {
          type: "string",
          requiresArg: true,
          default: artifactNames.join(","),
          describe: "What to write, with commas between",
        },
        ...trainabilityOptions,
        "freeze-batch-norm": { type: "boolean", default: false, describe: "Keep the statistics that the file has" },
        "no-dropout": { type: "boolean", default: false, describe: "Drop nothing in training" },
        ...scaleOptions,
      })
      .example("$0 rewrite model.onnx --loss mse -o training/", "gradient.onnx, eval.onnx and contract.json")
      .example(
        "$0 rewrite model.onnx --loss softmax-cross-entropy --freeze '*' --train 'head.*' -o training/",
        "Train the head",
      )
      .example(
        "$0 rewrite model.onnx --loss boxes=huber --loss labels=nll --loss-weight boxes=0.5 -o training/",
        "Two outputs",
      ),
  handler: (options) => rewriteModel(options, processTerminal(options)),
};

function rewriteModel(options: RewriteCommandOptions, terminal: Terminal): void {
  const { model: path, output, emit, freeze, train, strategy, gamma, convention, normalize } = options;
  const emitted = toArtifactNames(emit);
  const loss = specificationsOf(options);
  const model = readModel(path);
  const artifacts = rewrite(model, {
    loss,
    emit: emitted,
    freeze,
    train,
    freezeBatchNorm: options["freeze-batch-norm"],
    noDropout: options["no-dropout"],
    strategy,
    convention,
    normalize,
    ...(gamma === undefined ? {} : { gamma }),
  });
  for (const warning of artifacts.warnings) terminal.message("warning", `${path}: ${warning}`);
  for (const written of writeArtifacts(artifacts, output, model)) terminal.message("note", `wrote ${written}`);
}

function specificationsOf(options: RewriteCommandOptions): readonly LossSpecification[] {
  const weights = new Map(options["loss-weight"].map(toWeight));
  const ofModel = options["loss-output"];
  if (ofModel === undefined && options.loss.length === 0) {
    throw new InputError("--loss", "is missing", `name one of ${[...losses.keys()].join(", ")}, or --loss-output`);
  }
  const lossOptions = definedOnly(options);
  const named = withWeighedOutput(options.loss.map(splitLoss), [...weights.keys()], ofModel);
  const specifications = named.map(([name, output]): LossSpecification => ({
    name,
    ...lossOptions,
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
function definedOnly(options: RewriteCommandOptions): LossOptions {
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

function toArtifactNames(text: string): readonly ArtifactName[] {
  return text.split(",").map((part) => {
    const known = artifactNames.find((name) => name === part.trim());
    if (known === undefined) throw new InputError(`--emit ${part}`, `is none of ${artifactNames.join(", ")}`);
    return known;
  });
}
