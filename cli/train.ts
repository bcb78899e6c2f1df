import { dirname, join } from "node:path";
import type { CommandModule } from "yargs";
import {
  type Contract,
  InputError,
  type Model,
  type Preprocessing,
  PREPROCESSING,
  readModel,
  report,
  requireWritable,
  rewrite,
  structureOf,
  train,
  trainedOutputs,
  type TrainingEvent,
  type TrainingResult,
  type TrainOptions,
  writeFile,
  writeFoldedModel,
  writeTrainedModel,
} from "../src/index.js";
import { dataOptions, type GivenData, openData } from "./data-options.js";
import { interruptible, Interrupted } from "./interrupt.js";
import { metricTable, withUnits } from "./metric-table.js";
import { file, number } from "./options.js";
import { requireOutputFile } from "./output-file.js";
import { type CommonOptions, processTerminal, type Terminal } from "./terminal.js";
import {
  givenTrainingOptions,
  type GivenTraining,
  givenUpdateOptions,
  type GivenUpdates,
  trainingOptions,
  updateOptions,
} from "./training-options.js";
import { TrainingReporter } from "./training-reporter.js";

interface TrainCommandOptions extends CommonOptions, GivenData, GivenTraining, GivenUpdates {
  readonly model: string;
  readonly output: string;
  readonly seed: number | undefined;
  readonly "fold-preprocessing": boolean;
  readonly "checkpoint-dir": string | undefined;
  readonly "checkpoint-steps": number | undefined;
  readonly keep: number | undefined;
  readonly resume: boolean;
  readonly log: string | undefined;
  readonly tensorboard: string | undefined;
  readonly report: string | undefined;
  readonly format: "table" | "json";
}

/** `caadam-onnx train`: a model with trained weights. */
export const trainCommand: CommandModule<CommonOptions, TrainCommandOptions> = {
  command: "train <model>",
  describe: "Train a model on a file of examples",
  builder: (yargs) =>
    yargs
      .positional("model", { type: "string", demandOption: true, describe: "An ONNX file" })
      .options({
        output: { ...file, alias: ["o", "out"], demandOption: true, describe: "Write the trained model to this file" },
        ...dataOptions,
        ...trainingOptions,
        ...updateOptions,
        seed: {
          ...number("seed", "What split, order and dropout follow from: same seed, same weights"),
          defaultDescription: "0",
        },
        "fold-preprocessing": {
          type: "boolean",
          default: false,
          describe: "Make what was done to the features a part of the model, so that it takes raw ones",
        },
        "checkpoint-dir": { ...file, describe: "Save all state in this folder after each epoch, and when interrupted" },
        "checkpoint-steps": number("checkpoint-steps", "And after every so many steps"),
        keep: { ...number("keep", "How many of the latest checkpoints stay"), defaultDescription: "3" },
        resume: { type: "boolean", default: false, describe: "Go on from the latest checkpoint, if there is one" },
        log: { ...file, describe: "Append what happens to this file, as JSON lines" },
        tensorboard: { ...file, describe: "Write TensorBoard's event files into this folder" },
        report: { ...file, describe: "Write a report as one HTML file" },
        format: {
          choices: ["table", "json"] as const,
          default: "table" as const,
          describe: "How to print the outcome",
        },
      })
      .example("$0 train model.onnx --data houses.csv --target price --standardize --loss mse -o trained.onnx", "")
      .example(
        "$0 train cnn.onnx --data images.idx.gz --target labels.idx.gz --divide-by 255 --loss softmax-cross-entropy -o t.onnx",
        "Images as MNIST ships",
      )
      .example(
        "$0 train model.onnx --data d.csv --target y --loss mse --checkpoint-dir run/ --resume -o trained.onnx",
        "Go on where a run stopped",
      ),
  handler: async (options) => trainModel(options, processTerminal(options)),
};

async function trainModel(options: TrainCommandOptions, terminal: Terminal): Promise<void> {
  const { model: path, output, seed = 0 } = options;
  const training = {
    ...givenTrainingOptions(options),
    ...givenUpdateOptions(options),
    seed,
    shuffle: !options["no-shuffle"],
  };
  const model = readModel(path);
  requireOutputFiles(options, model);
  const { contract } = rewrite(model, { ...training, emit: ["gradient"] });
  requireWritable(model, new Map(contract.parameters.map(({ name, shape }) => [name, shape])));
  const data = await openData(contract, options, { seed });
  try {
    const before = model.metadata.get(PREPROCESSING);
    if (before !== undefined && before !== JSON.stringify(data.preprocessing)) {
      const what = "was trained on data that were prepared in another way, which is forgotten";
      terminal.message("warning", `${path}: ${what}; give the options that it was trained with to go on from it`);
    }
    if (data.dropped > 0) terminal.message("note", `left out ${data.dropped} examples with missing values`);
    const reporter = new TrainingReporter(terminal, options);
    try {
      const { training: examples, validation, preprocessing } = data;
      const result = await interruptible((signal) =>
        train(
          model,
          { training: examples, ...(validation === undefined ? {} : { validation }), description: preprocessing },
          {
            ...training,
            ...checkpointsOf(options),
            gradientNorms: options.report !== undefined || options.tensorboard !== undefined,
            signal,
            onEvent: (event) => reporter.tell(event),
          },
        ).result(),
      );
      reporter.close();
      if (result.reason === "aborted" && options["checkpoint-dir"] !== undefined) {
        throw new Interrupted(
          `after step ${result.step}; all state is in ${options["checkpoint-dir"]}: go on with --resume`,
        );
      }
      for (const written of save(model, result, preprocessing, contract.loss, options))
        terminal.message("note", `wrote ${written}`);
      if (options.report !== undefined) {
        writeFile(options.report, reportOf(path, model, result, reporter.events, training, options));
        terminal.message("note", `wrote ${options.report}`);
      }
      terminal.out(outcome(result, preprocessing, options.format));
      if (result.reason === "aborted")
        throw new Interrupted(`after step ${result.step}; the weights so far are in ${output}`);
    } finally {
      reporter.close();
    }
  } finally {
    data.close();
  }
}

function requireOutputFiles(options: TrainCommandOptions, { externalFiles }: Model): void {
  const { model, output, report: page, log } = options;
  const kept = {
    "the data": [...options.data, ...options.target, ...options["validation-data"]],
    "the weights of the model": externalFiles.map((location) => join(dirname(model), location)),
  };
  // The trained model may take the place of the one that it was.
  requireOutputFile("--output", output, kept);
  const models = { ...kept, "the model": [model], "the trained model": [output] };
  if (page !== undefined) requireOutputFile("--report", page, models);
  if (log !== undefined) requireOutputFile("--log", log, { ...models, "the report": [page] });
}

function checkpointsOf(options: TrainCommandOptions): Pick<TrainOptions, "checkpoints"> {
  const { "checkpoint-dir": folder, "checkpoint-steps": everySteps, keep, resume } = options;
  if (folder === undefined) {
    if (resume) throw new InputError("--resume", "needs to know from where", "name the folder with --checkpoint-dir");
    const lonely = Object.entries({ "--checkpoint-steps": everySteps, "--keep": keep }).find(
      ([, given]) => given !== undefined,
    );
    if (lonely !== undefined) throw new InputError(lonely[0], "means nothing without --checkpoint-dir");
    return {};
  }
  return {
    checkpoints: {
      folder,
      resume,
      ...(everySteps === undefined ? {} : { everySteps }),
      ...(keep === undefined ? {} : { keep }),
    },
  };
}

/** @returns the paths of the files written */
function save(
  model: Model,
  { values }: TrainingResult,
  preprocessing: Preprocessing,
  loss: Contract["loss"],
  options: TrainCommandOptions,
): readonly string[] {
  const { output } = options;
  if (!options["fold-preprocessing"]) {
    return writeTrainedModel(model, values, output, { metadata: { [PREPROCESSING]: JSON.stringify(preprocessing) } });
  }
  return writeFoldedModel(model, values, output, preprocessing, { outputs: trainedOutputs(loss, preprocessing) });
}

function reportOf(
  path: string,
  model: Model,
  { history, table }: TrainingResult,
  events: readonly TrainingEvent[],
  training: TrainOptions,
  { data, target, features }: TrainCommandOptions,
): string {
  // Of a resumed run, the epochs before it as well.
  const told = new Set(events.flatMap((event) => (event.event === "epoch" ? [event.epoch] : [])));
  const before = history.filter(({ epoch }) => !told.has(epoch));
  return report({
    title: `Training of ${path}`,
    events: [...before, ...events],
    table,
    layers: structureOf(model, training).layers,
    settings: { model: path, data, target, features, ...training },
  });
}

/** The loss and metrics of the weights that were kept; after an interruption, those of the last whole epoch before it. */
function outcome(
  { history, restoredEpoch, step, reason }: TrainingResult,
  preprocessing: Preprocessing,
  format: "table" | "json",
): string {
  const kept = history.find(({ epoch }) => epoch === restoredEpoch) ?? history.at(-1);
  const { epoch = 0, loss = Number.NaN, validationLoss, metrics = {} } = kept ?? {};
  if (format === "json") {
    return `${JSON.stringify({ epoch, steps: step, reason, loss, ...(validationLoss === undefined ? {} : { validationLoss }), metrics })}\n`;
  }
  return metricTable({
    [reason === "aborted" ? "last whole epoch" : "epoch"]: epoch,
    "training loss": loss,
    ...(validationLoss === undefined ? {} : { "validation loss": validationLoss }),
    ...withUnits(metrics, preprocessing),
  });
}
