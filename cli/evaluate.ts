import type { CommandModule } from "yargs";
import {
  applyPreprocessing,
  evaluate,
  InputError,
  metrics,
  type Model,
  PREPROCESSING,
  readModel,
  readPreprocessing,
  rewrite,
} from "../src/index.js";
import { dataOptions, descriptionOf, type GivenExamples, openData, openExamples } from "./data-options.js";
import { type GivenLosses, lossOptions, lossSpecifications } from "./loss-options.js";
import { metricTable, withUnits } from "./metric-table.js";
import { namesIn, number } from "./options.js";
import { type CommonOptions, processTerminal, type Terminal } from "./terminal.js";

interface EvaluateCommandOptions extends CommonOptions, GivenLosses, GivenExamples {
  readonly model: string;
  readonly metrics: string | undefined;
  readonly "batch-size": number | undefined;
  readonly threads: number | undefined;
  readonly format: "table" | "json";
}

const { "validation-data": _data, "validation-split": _split, "no-shuffle": _order, ...ownDataOptions } = dataOptions;

/** What a model that was trained says itself. */
const saidByModel = [
  "standardize",
  "standardize-target",
  "one-hot",
  "unknown-categories",
  "divide-by",
  "missing",
  "number-labels",
] as const;

/** What they are where nobody gives them. */
const notGiven: ReadonlySet<unknown> = new Set([undefined, false, "error"]);

/** `caadam-onnx evaluate`: loss and metrics over a file of examples. */
export const evaluateCommand: CommandModule<CommonOptions, EvaluateCommandOptions> = {
  command: "evaluate <model>",
  describe: "Measure loss and metrics of a model on a file of examples",
  builder: (yargs) =>
    yargs
      .positional("model", { type: "string", demandOption: true, describe: "An ONNX file" })
      .options({
        ...ownDataOptions,
        ...lossOptions,
        metrics: {
          type: "string",
          requiresArg: true,
          defaultDescription: "those of the loss",
          describe: `What is measured, with commas between: ${[...metrics.keys()].join(", ")}`,
        },
        "batch-size": { ...number("batch-size", "Examples at a time"), defaultDescription: "256" },
        threads: { ...number("threads", "Threads for one operator"), defaultDescription: "one for each core" },
        format: { choices: ["table", "json"] as const, default: "table" as const, describe: "How to print" },
      })
      .example("$0 evaluate trained.onnx --data test.csv --loss mse", "What training did to its data is done again"),
  handler: async (options) => evaluateModel(options, processTerminal(options)),
};

async function evaluateModel(options: EvaluateCommandOptions, terminal: Terminal): Promise<void> {
  const { model: path, metrics: named, "batch-size": batchSize, threads, format } = options;
  const model = readModel(path);
  const data = await examplesFor(model, options, terminal);
  try {
    const { warnings, ...measured } = await evaluate(model, data.dataset, {
      loss: lossSpecifications(options),
      ...(named === undefined ? {} : { metrics: namesIn(named) }),
      ...(batchSize === undefined ? {} : { batchSize }),
      ...(threads === undefined ? {} : { threads }),
    });
    if (data.dropped > 0) terminal.message("note", `left out ${data.dropped} examples with missing values`);
    for (const warning of warnings) terminal.message("warning", warning);
    const { examples, loss, metrics: values } = measured;
    terminal.out(
      format === "json"
        ? `${JSON.stringify(measured)}\n`
        : metricTable({ examples, loss, ...withUnits(values, data.preprocessing) }),
    );
  } finally {
    data.close();
  }
}

/** The examples as the model takes them: by what it says of its training, or else by the options. */
async function examplesFor(model: Model, options: EvaluateCommandOptions, terminal: Terminal) {
  if (options.data.length === 0) throw new InputError("--data", "is missing", "name a file of examples");
  const { contract } = rewrite(model, { loss: lossSpecifications(options), emit: ["eval"] });
  const text = model.metadata.get(PREPROCESSING);
  if (text === undefined) {
    const given = { ...options, "validation-data": [], "validation-split": undefined, "no-shuffle": true };
    const data = await openData(contract, given, { seed: 0 });
    return {
      dataset: data.training,
      dropped: data.dropped,
      preprocessing: data.preprocessing,
      close: () => data.close(),
    };
  }
  const chosen = saidByModel.filter((name) => !notGiven.has(options[name]));
  if (chosen.length > 0) terminal.message("warning", `--${chosen.join(", --")}: the model says itself what to do`);
  const preprocessing = readPreprocessing(parsed(text, options.model), options.model);
  const inputs = contract.artifacts.eval?.inputs ?? [];
  const data = await applyPreprocessing(preprocessing, inputs, await openExamples(options), descriptionOf(options));
  return { dataset: data.dataset, dropped: data.dropped, preprocessing, close: () => data.close() };
}

function parsed(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InputError(path, `has damaged metadata "${PREPROCESSING}"`, "train it anew");
  }
}
