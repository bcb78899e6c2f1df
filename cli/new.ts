import type { CommandModule } from "yargs";
import {
  type ActivationName,
  activations,
  encodeModel,
  InputError,
  type Model,
  newCnn,
  newMlp,
  type OutputActivationName,
  outputActivations,
  writeFile,
} from "../src/index.js";
import { givenWeightOptions, type WeightOptions, weightOptions } from "./init-options.js";
import { file, number } from "./options.js";
import { requireOutputFile } from "./output-file.js";
import { type CommonOptions, processTerminal, type Terminal } from "./terminal.js";

interface NewOptions extends CommonOptions, WeightOptions {
  readonly output: string;
  readonly activation: ActivationName;
  readonly "output-activation": OutputActivationName;
  readonly "batch-norm": boolean;
  readonly dropout: number | undefined;
}

interface NewMlpOptions extends NewOptions {
  readonly sizes: string;
  readonly "layer-norm": boolean;
}

interface NewCnnOptions extends NewOptions {
  readonly input: string;
  readonly channels: string;
  readonly classes: number;
  readonly kernel: number | undefined;
  readonly hidden: string | undefined;
  readonly "global-pooling": boolean;
}

/** What all new models take. */
const layerOptions = {
  output: { ...file, alias: "o", demandOption: true, describe: "Write the model to this file" },
  activation: {
    choices: [...activations.keys()],
    default: "relu" as const,
    describe: "After every layer but the last",
  },
  "output-activation": {
    choices: [...outputActivations.keys()],
    default: "none" as const,
    describe: "After the last layer. None where the loss takes logits, as softmax-cross-entropy does",
  },
  "batch-norm": { type: "boolean", default: false, describe: "A BatchNormalization before each activation" },
  dropout: {
    ...number("dropout", "The share that is dropped in training before dense layers"),
    defaultDescription: "0",
  },
  ...weightOptions,
  scheme: { ...weightOptions.scheme, defaultDescription: "what suits the activation" },
} as const;

const mlpCommand: CommandModule<CommonOptions, NewMlpOptions> = {
  command: "mlp <sizes>",
  describe: "A multi-layer perceptron: features, hidden units, outputs",
  builder: (yargs) =>
    yargs
      .positional("sizes", { type: "string", demandOption: true, describe: "As 8-64-32-1" })
      .options({
        ...layerOptions,
        "layer-norm": { type: "boolean", default: false, describe: "A LayerNormalization before each activation" },
      })
      .example("$0 new mlp 8-64-32-1 -o model.onnx", "8 features, two hidden layers, one output")
      .example("$0 new mlp 4-32-3 --activation gelu --dropout 0.1 -o model.onnx", "Three classes, for logits"),
  handler: (options) => {
    const model = newMlp({
      ...shared(options),
      sizes: toSizes("new mlp", options.sizes, "-", "8-64-32-1"),
      layerNorm: options["layer-norm"],
    });
    write(model, options.output, processTerminal(options));
  },
};

const cnnCommand: CommandModule<CommonOptions, NewCnnOptions> = {
  command: "cnn <input>",
  describe: "A convolutional network: blocks of convolution, activation and max pooling, then dense layers",
  builder: (yargs) =>
    yargs
      .positional("input", { type: "string", demandOption: true, describe: "Channels and extents, as 1x28x28" })
      .options({
        ...layerOptions,
        channels: { type: "string", requiresArg: true, default: "16,32", describe: "Channels of each block" },
        classes: { ...number("classes", "How many outputs"), demandOption: true },
        kernel: { ...number("kernel", "The extent of the kernels, odd"), defaultDescription: "3" },
        hidden: { type: "string", requiresArg: true, describe: "Units of dense layers before the last, as 128,64" },
        "global-pooling": {
          type: "boolean",
          default: false,
          describe: "Average each channel before the dense layers, instead of laying out all its elements",
        },
      })
      .example("$0 new cnn 1x28x28 --channels 16,32 --classes 10 -o model.onnx", "Grey images, ten classes")
      .example("$0 new cnn 3x32x32 --channels 32,64,128 --classes 10 --batch-norm --global-pooling -o model.onnx", "")
      .example("$0 new cnn 9x128 --kernel 5 --classes 6 -o model.onnx", "Nine signals of 128 steps"),
  handler: (options) => {
    const model = newCnn({
      ...shared(options),
      input: toSizes("new cnn", options.input, "x", "1x28x28"),
      channels: toSizes("--channels", options.channels, ",", "16,32"),
      classes: options.classes,
      ...(options.kernel === undefined ? {} : { kernel: options.kernel }),
      hidden: options.hidden === undefined ? [] : toSizes("--hidden", options.hidden, ",", "128,64"),
      globalPooling: options["global-pooling"],
    });
    write(model, options.output, processTerminal(options));
  },
};

/** `caadam-onnx new`: a model to train, from one line. */
export const newCommand: CommandModule<CommonOptions, CommonOptions> = {
  command: "new",
  describe: "Write a new model with initial weights: an MLP or a small CNN",
  builder: (yargs) =>
    yargs
      .command(mlpCommand)
      .command(cnnCommand)
      .demandCommand(1, "new: say which model, mlp or cnn")
      .example("$0 new mlp 8-64-32-1 -o model.onnx", "8 features, two hidden layers, one output")
      .example("$0 new cnn 1x28x28 --channels 16,32 --classes 10 -o model.onnx", "Grey images, ten classes"),
  // One of the commands inside is demanded.
  handler: () => undefined,
};

function shared(options: NewOptions) {
  const { activation, dropout } = options;
  return {
    ...givenWeightOptions(options),
    activation,
    ...(dropout === undefined ? {} : { dropout }),
    batchNorm: options["batch-norm"],
    outputActivation: options["output-activation"],
  };
}

/** @throws InputError for what is no list of whole numbers */
function toSizes(where: string, text: string, separator: string, example: string): readonly number[] {
  return text.split(separator).map((part) => {
    if (/^\s*\d+\s*$/.test(part)) return Number(part);
    throw new InputError(where, `"${text}" is no list of sizes with "${separator}" between them`, `say ${example}`);
  });
}

function write(model: Model, path: string, terminal: Terminal): void {
  requireOutputFile("--output", path);
  writeFile(path, [encodeModel(model)]);
  terminal.message("note", `wrote ${path}`);
}
