import type { CommandModule } from "yargs";
import { type ArtifactName, artifactNames, InputError, readModel, rewrite, writeArtifacts } from "../src/index.js";
import {
  type GivenLosses,
  type GivenTrainingMode,
  givenTrainingMode,
  lossOptions,
  lossSpecifications,
  trainingModeOptions,
} from "./loss-options.js";
import {
  file,
  type GivenOptimizer,
  givenOptimizerOptions,
  type GivenScales,
  givenScaleOptions,
  optimizerOptions,
  scaleOptions,
  trainabilityOptions,
} from "./options.js";
import { type CommonOptions, processTerminal, type Terminal } from "./terminal.js";

interface RewriteCommandOptions extends CommonOptions, GivenLosses, GivenTrainingMode, GivenOptimizer, GivenScales {
  readonly model: string;
  readonly output: string;
  readonly emit: string;
  readonly freeze: readonly string[];
  readonly train: readonly string[];
  readonly pack: boolean;
}

/** `caadam-onnx rewrite`: training graphs for any ONNX Runtime. */
export const rewriteCommand: CommandModule<CommonOptions, RewriteCommandOptions> = {
  command: "rewrite <model>",
  describe: "Write training graphs of standard operators: loss, gradients, optimizer, evaluation",
  builder: (yargs) =>
    yargs
      .positional("model", { type: "string", demandOption: true, describe: "An ONNX file" })
      .options({
        output: { ...file, alias: "o", demandOption: true, describe: "The folder to write to" },
        ...lossOptions,
        emit: {
          type: "string",
          requiresArg: true,
          default: "gradient,update,eval",
          describe: `What to write, with commas between: of ${artifactNames.join(", ")}`,
        },
        pack: {
          type: "boolean",
          default: false,
          describe: "Make parameters of less than 65536 elements one tensor: faster, and harder to read",
        },
        ...trainabilityOptions,
        ...trainingModeOptions,
        ...optimizerOptions,
        ...scaleOptions,
      })
      .example(
        "$0 rewrite model.onnx --loss mse -o training/",
        "gradient.onnx, update.onnx, eval.onnx and contract.json",
      )
      .example(
        "$0 rewrite model.onnx --loss mse --optimizer sgd --momentum 0.9 --emit step -o training/",
        "A whole step in one graph",
      )
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
  const { model: path, output, emit, freeze, train, pack } = options;
  const emitted = toArtifactNames(emit);
  const loss = lossSpecifications(options);
  const optimizer = givenOptimizerOptions(options);
  const model = readModel(path);
  const artifacts = rewrite(model, {
    loss,
    emit: emitted,
    freeze,
    train,
    pack,
    ...givenTrainingMode(options),
    ...optimizer,
    ...givenScaleOptions(options),
  });
  for (const warning of artifacts.warnings) terminal.message("warning", `${path}: ${warning}`);
  for (const written of writeArtifacts(artifacts, output, model)) terminal.message("note", `wrote ${written}`);
}

function toArtifactNames(text: string): readonly ArtifactName[] {
  return text.split(",").map((part) => {
    const known = artifactNames.find((name) => name === part.trim());
    if (known === undefined) throw new InputError(`--emit ${part}`, `is none of ${artifactNames.join(", ")}`);
    return known;
  });
}
