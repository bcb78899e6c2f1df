import type { CommandModule } from "yargs";
import {
  initialize,
  type InitializationOptions,
  InputError,
  PREPROCESSING,
  readModel,
  structureOf,
  writeTrainedModel,
} from "../src/index.js";
import { givenWeightOptions, type WeightOptions, weightOptions } from "./init-options.js";
import { file, number, trainabilityOptions } from "./options.js";
import { requireOutputFile } from "./output-file.js";
import { type CommonOptions, processTerminal, type Terminal } from "./terminal.js";

interface InitOptions extends CommonOptions, WeightOptions {
  readonly model: string;
  readonly output: string;
  readonly recurrent: NonNullable<InitializationOptions["recurrent"]>;
  readonly "forget-bias": number | undefined;
  readonly freeze: readonly string[];
  readonly train: readonly string[];
}

/** `caadam-onnx init`: the same model with new initial weights. */
export const initCommand: CommandModule<CommonOptions, InitOptions> = {
  command: "init <model>",
  describe: "Write the same model with new initial weights",
  builder: (yargs) =>
    yargs
      .positional("model", { type: "string", demandOption: true, describe: "An ONNX file" })
      .options({
        output: { ...file, alias: "o", demandOption: true, describe: "Write the model to this file" },
        ...weightOptions,
        scheme: { ...weightOptions.scheme, defaultDescription: "he" },
        recurrent: {
          choices: ["orthogonal", "scheme"] as const,
          default: "orthogonal" as const,
          describe: "Recurrent kernels of LSTM, GRU and RNN: orthogonal as in Keras, or by the scheme",
        },
        "forget-bias": { ...number("forget-bias", "The bias of the forget gate of LSTM"), defaultDescription: "1" },
        ...trainabilityOptions,
        freeze: {
          ...trainabilityOptions.freeze,
          describe: "Leave parameters whose name matches as they are; may be repeated",
        },
      })
      .example("$0 init model.onnx -o fresh.onnx", "He's scheme, for networks with ReLU")
      .example("$0 init model.onnx -o fresh.onnx --scheme glorot --distribution normal --seed 1", "")
      .example("$0 init model.onnx -o fresh.onnx --freeze '*' --train 'head.*'", "Only the head"),
  handler: (options) => initModel(options, processTerminal(options)),
};

function initModel(options: InitOptions, terminal: Terminal): void {
  const { model: path, output, freeze, train } = options;
  requireOutputFile("--output", output, { "the model": [path] });
  const model = readModel(path);
  const structure = structureOf(model, { freeze, train });
  for (const warning of structure.warnings) terminal.message("warning", `${path}: ${warning}`);
  const forgetBias = options["forget-bias"];
  const values = initialize(structure, {
    ...givenWeightOptions(options),
    recurrent: options.recurrent,
    ...(forgetBias === undefined ? {} : { forgetBias }),
  });
  if (values.size === 0) {
    throw new InputError(path, "has no parameters of real numbers", "take the model as it was before quantization");
  }
  // Weights that saw no data ask nothing of them; those that stay do.
  const metadata = structure.frozen.length === 0 ? { [PREPROCESSING]: undefined } : {};
  const paths = writeTrainedModel(model, values, output, { metadata, keepMode: true });
  terminal.message("note", `new values for ${values.size} ${values.size === 1 ? "tensor" : "tensors"}`);
  for (const written of paths) terminal.message("note", `wrote ${written}`);
}
