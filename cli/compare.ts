import type { CommandModule } from "yargs";
import {
  brief,
  caAdamVariants,
  compare,
  type ComparisonResult,
  type Convention,
  conventions,
  InputError,
  type InitializationOptions,
  readModel,
  report,
  requireWhole,
  rewrite,
  scalesOf,
  scaleTable,
  schemes,
  strategies,
  type StrategyName,
  structureOf,
  writeFile,
} from "../src/index.js";
import { comparisonTable } from "./comparison-report.js";
import { dataOptions, type GivenData, openData } from "./data-options.js";
import { Interrupted, interruptible } from "./interrupt.js";
import { adamOptions, file, type GivenAdam, givenAdamOptions, globs, number, summaries } from "./options.js";
import { requireOutputFile } from "./output-file.js";
import { type CommonOptions, processTerminal, type Terminal } from "./terminal.js";
import { type GivenTraining, givenTrainingOptions, trainingOptions } from "./training-options.js";

interface CompareCommandOptions extends CommonOptions, GivenData, GivenTraining, GivenAdam {
  readonly model: string;
  readonly strategies: string;
  readonly conventions: string;
  readonly gamma: number | undefined;
  readonly normalized: boolean;
  readonly "larger-steps": boolean;
  readonly seeds: number | undefined;
  readonly init: InitializationOptions["scheme"];
  readonly measure: string;
  readonly "target-loss": number | undefined;
  readonly "test-data": readonly string[];
  readonly "test-split": number | undefined;
  readonly format: "table" | "json" | "markdown";
  readonly report: string | undefined;
}

/** So many tell what there is to tell. */
const MOST_SEEDS = 1000;

/** `caadam-onnx compare`: Adam against CaAdam. */
export const compareCommand: CommandModule<CommonOptions, CompareCommandOptions> = {
  command: "compare <model>",
  describe: "Compare Adam with CaAdam's strategies, from the same weights and batches, over several seeds",
  builder: (yargs) =>
    yargs
      .positional("model", { type: "string", demandOption: true, describe: "An ONNX file" })
      .options({
        ...dataOptions,
        ...trainingOptions,
        ...adamOptions,
        strategies: {
          type: "string",
          requiresArg: true,
          default: "additive,multiplicative,depth",
          describe: `With commas between\n${summaries(strategies)}`,
        },
        conventions: {
          type: "string",
          requiresArg: true,
          default: "layer",
          describe: `With commas between\n${summaries(conventions)}`,
        },
        gamma: number("gamma", "How strong the strategies are; each has its own default"),
        normalized: {
          type: "boolean",
          default: false,
          describe: "Each strategy also with scales divided by their mean: the architecture without larger steps",
        },
        "larger-steps": {
          type: "boolean",
          default: false,
          describe: "Adam also with the mean scale as a factor on its learning rate: larger steps alone",
        },
        seeds: { ...number("seeds", "How often each is trained"), defaultDescription: "5" },
        init: {
          choices: [...schemes.keys()],
          defaultDescription: "all start from the model's weights",
          describe: "Draw initial weights, for each seed its own",
        },
        measure: {
          type: "string",
          requiresArg: true,
          default: "loss",
          describe: "What is compared: loss, or a metric; of several outputs that have it, one's, as boxes.mae",
        },
        "target-loss": {
          ...number("target-loss", "The validation loss to come to"),
          defaultDescription: "what Adam comes to at best, in the mean",
        },
        "test-data": { ...globs, describe: "A file of examples to compare on, of which training learns nothing" },
        "test-split": number("test-split", "How many of the examples are for that"),
        format: {
          choices: ["table", "json", "markdown"] as const,
          default: "table" as const,
          describe: "How to print the outcome",
        },
        report: { ...file, describe: "Write a report as one HTML file" },
      })
      .example(
        "$0 compare model.onnx --data houses.csv --target price --standardize --loss mse --validation-split 0.2",
        "",
      )
      .example(
        "$0 compare model.onnx --data d.csv --target y --loss mse --validation-split 0.2 --init he --normalized --larger-steps",
        "How much is the architecture, how much a larger step?",
      ),
  handler: async (options) => compareModel(options, processTerminal(options)),
};

async function compareModel(options: CompareCommandOptions, terminal: Terminal): Promise<void> {
  const { model: path, gamma, normalized, measure, init, seeds: count = 5, report: reportPath } = options;
  requireWhole("--seeds", count, 2, MOST_SEEDS);
  if (reportPath !== undefined) {
    const data = [...options.data, ...options.target, ...options["validation-data"], ...options["test-data"]];
    requireOutputFile("--report", reportPath, { "the model": [path], "the data": data });
  }
  const training = { ...givenTrainingOptions(options), ...givenAdamOptions(options), shuffle: !options["no-shuffle"] };
  const chosen = {
    strategies: chosenFrom("--strategies", options.strategies, [
      ...strategies.keys(),
    ]) satisfies readonly StrategyName[],
    conventions: chosenFrom("--conventions", options.conventions, [
      ...conventions.keys(),
    ]) satisfies readonly Convention[],
    withNormalized: normalized,
    ...(gamma === undefined ? {} : { gamma }),
  };
  const variants = caAdamVariants(chosen);
  const model = readModel(path);
  const { contract } = rewrite(model, { ...training, emit: ["gradient"] });
  const { "test-split": share, "test-data": testData, "target-loss": targetLoss } = options;
  const data = await openData(contract, options, {
    seed: 0,
    testData,
    ...(share === undefined ? {} : { test: share }),
  });
  try {
    const { training: examples, validation, test, preprocessing, dropped } = data;
    if (dropped > 0) terminal.message("note", `left out ${dropped} examples with missing values`);
    if (validation === undefined) {
      throw new InputError("--validation-split", "is missing", "a comparison needs examples for validation");
    }
    const result = await interruptible(async (signal) => {
      try {
        return await compare(
          model,
          { training: examples, validation, ...(test === undefined ? {} : { test }), description: preprocessing },
          {
            ...training,
            variants,
            withLargerSteps: options["larger-steps"],
            seeds: Array.from({ length: count }, (_, seed) => seed),
            measure,
            signal,
            ...(init === undefined ? {} : { initialization: { scheme: init } }),
            ...(targetLoss === undefined ? {} : { targetLoss }),
            onEvent: (event, { variant, seed, run, runs }) => {
              // Of all runs it is the same.
              if (event.event === "warning" && run === 1) terminal.message("warning", event.message);
              if (event.event === "progress") {
                terminal.progress(
                  `run ${run}/${runs}  ${variant}, seed ${seed}, epoch ${event.epoch}, loss ${brief(event.loss)}`,
                );
              }
              if (event.event === "end" && options.json)
                terminal.json(JSON.stringify({ ...event, variant, seed, run, runs }));
            },
          },
        );
      } catch (error) {
        throw signal.aborted ? new Interrupted("before all variants were compared") : error;
      }
    });
    terminal.progress("");
    if (reportPath !== undefined) {
      const structure = structureOf(model, training);
      const [first] = variants;
      const table = scaleTable(model, scalesOf(structure, { ...training, ...first?.options }));
      const settings = { model: path, data: options.data, target: options.target, ...training };
      writeFile(
        reportPath,
        report({
          title: `Comparison on ${path}`,
          events: [],
          table,
          layers: structure.layers,
          settings,
          comparison: result,
        }),
      );
      terminal.message("note", `wrote ${reportPath}`);
    }
    terminal.out(printed(result, options.format, terminal));
  } finally {
    terminal.progress("");
    data.close();
  }
}

function printed(result: ComparisonResult, format: CompareCommandOptions["format"], terminal: Terminal): string {
  return format === "json"
    ? `${JSON.stringify(result, undefined, 2)}\n`
    : comparisonTable(result, format, terminal.columns);
}

function chosenFrom<Name extends string>(option: string, text: string, known: readonly Name[]): readonly Name[] {
  return text.split(",").map((part) => {
    const found = known.find((name) => name === part.trim());
    if (found === undefined) throw new InputError(`${option} ${part}`, `is none of ${known.join(", ")}`);
    return found;
  });
}
