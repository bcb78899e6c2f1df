import { basename } from "node:path";
import pc from "picocolors";
import type { CommandModule } from "yargs";
import {
  conventions,
  embedScaleTable,
  type ExportFormat,
  exportFormats,
  InputError,
  readModel,
  type ScaleTable,
  scalesOf,
  scaleTable,
  strategies,
  structureOf,
  type TableFormat,
  tableFormats,
  writeFile,
} from "../src/index.js";
import { type conventionNames, file, scaleOptions, strategyNames, summaries, trainabilityOptions } from "./options.js";
import { requireOutputFile } from "./output-file.js";
import { comparisonReport, scaleReport, sortedTable, sortOrders } from "./scale-report.js";
import { type CommonOptions, processTerminal, type Terminal } from "./terminal.js";

const textTables: ReadonlyMap<string, TableFormat> = new Map(Object.entries(tableFormats));
const exports: ReadonlyMap<string, ExportFormat> = new Map(Object.entries(exportFormats));
const formatNames = ["table", ...textTables.keys(), ...exports.keys()];

interface AnnotateOptions extends CommonOptions {
  readonly models: readonly string[];
  readonly strategy: (typeof strategyNames)[number];
  readonly gamma: number | undefined;
  readonly convention: (typeof conventionNames)[number];
  readonly normalize: boolean;
  readonly freeze: readonly string[];
  readonly train: readonly string[];
  readonly "all-strategies": boolean;
  readonly sort: (typeof sortOrders)[number];
  readonly format: string;
  readonly output: string | undefined;
  readonly embed: string | undefined;
}

/** `caadam-onnx annotate`: what CaAdam would do to the layers of a model. */
export const annotateCommand: CommandModule<CommonOptions, AnnotateOptions> = {
  command: "annotate <models..>",
  describe: "Show depth, fans, connections and learning-rate scale of every parameter",
  builder: (yargs) =>
    yargs
      .positional("models", {
        type: "string",
        array: true,
        demandOption: true,
        describe: "ONNX files; several are compared",
      })
      .options({
        ...scaleOptions,
        strategy: { choices: strategyNames, default: "multiplicative" as const, describe: summaries(strategies) },
        ...trainabilityOptions,
        "all-strategies": { type: "boolean", default: false, describe: "All strategies beside each other" },
        sort: { choices: sortOrders, default: "layer" as const, describe: "Order of the rows; numbers greatest first" },
        format: {
          choices: formatNames,
          default: "table",
          describe: `table: for people\n${summaries(textTables)}\n${summaries(exports)}`,
        },
        output: { ...file, alias: "o", describe: "Write to this file" },
        embed: { ...file, describe: "Also write the model, with its scale table in metadata_props, to this file" },
      })
      .example("$0 annotate model.onnx", "The table")
      .example("$0 annotate model.onnx --all-strategies", "What each strategy would do")
      .example("$0 annotate model.onnx --format pytorch -o caadam_scales.py", "Parameter groups for PyTorch")
      .example("$0 annotate model.onnx --freeze '*' --train 'head.*'", "When only the head is trained")
      .example("$0 annotate before.onnx after.onnx", "Two models beside each other"),
  handler: (options) => annotate(options, processTerminal(options)),
};

function annotate(options: AnnotateOptions, terminal: Terminal): void {
  const { models, format, output, embed } = options;
  refuseContradictions(options);
  const caution = conventions.get(options.convention)?.caution;
  if (caution !== undefined) terminal.message("note", caution);
  const [first, ...others] = models.map((path) => annotatedModel(path, options, terminal));
  if (first === undefined) throw new InputError("annotate", "names no model");

  const text = formatted(format, [first, ...others], options.sort, output === undefined ? terminal : plainPage);
  if (embed !== undefined) {
    embedScaleTable(first.model, first.tables[0], embed);
    terminal.message("note", `wrote ${embed}`);
  }
  if (output === undefined) terminal.out(text);
  else {
    writeFile(output, text);
    terminal.message("note", `wrote ${output}`);
  }
}

const plainPage = { columns: undefined, colors: pc.createColors(false) };

/** A model with its scale tables, one for each strategy that was asked for. */
interface AnnotatedModel {
  readonly model: ReturnType<typeof readModel>;
  readonly tables: readonly [ScaleTable, ...ScaleTable[]];
}

function annotatedModel(path: string, options: AnnotateOptions, terminal: Terminal): AnnotatedModel {
  const { gamma, convention, normalize, freeze, train, embed, format } = options;
  const model = readModel(path);
  const structure = structureOf(model, { freeze, train });
  for (const warning of structure.warnings) terminal.message("warning", `${path}: ${warning}`);
  if (structure.frozen.length > 0) terminal.message("note", `${path}: frozen initializers: ${structure.frozen.length}`);

  // A hash costs a pass over the whole file: only for those who get to see it.
  const sha256 = embed !== undefined || (format !== "table" && format !== "csv" && format !== "markdown");
  const tableOf = (strategy: AnnotateOptions["strategy"]) => {
    const scales = scalesOf(structure, { strategy, convention, normalize, ...(gamma === undefined ? {} : { gamma }) });
    return sortedTable(scaleTable(model, scales, { sha256 }), options.sort);
  };
  if (!options["all-strategies"]) return { model, tables: [tableOf(options.strategy)] };
  const [first = options.strategy, ...others] = strategyNames.filter((name) => name !== "none");
  return { model, tables: [tableOf(first), ...others.map(tableOf)] };
}

function formatted(
  format: string,
  models: readonly [AnnotatedModel, ...AnnotatedModel[]],
  sort: AnnotateOptions["sort"],
  page: Pick<Terminal, "columns" | "colors">,
): string {
  const [{ tables }] = models;
  const all = models.flatMap((model) => model.tables);
  return (
    textTables.get(format)?.generate(all) ??
    exports.get(format)?.generate(tables[0]) ??
    (models.length === 1
      ? scaleReport(tables, sort, page)
      : comparisonReport(distinctNames(models.map(({ model }) => model.label)), all, page))
  );
}

/** File names; paths where two files have one name. */
function distinctNames(paths: readonly string[]): readonly string[] {
  const names = paths.map((path) => basename(path));
  return new Set(names).size === names.length ? names : paths;
}

function refuseContradictions(options: AnnotateOptions): void {
  const { models, format, output, embed, gamma } = options;
  const isSingle = models.length === 1 && !options["all-strategies"];
  if (embed !== undefined && !isSingle) throw new InputError("--embed", "takes one model and one strategy");
  if (exports.has(format) && !isSingle) throw new InputError(`--format ${format}`, "takes one model and one strategy");
  if (options["all-strategies"] && models.length > 1) throw new InputError("--all-strategies", "takes one model");
  if (options["all-strategies"] && gamma !== undefined) {
    throw new InputError("--gamma", "means another thing to each strategy", "leave it out, or name one --strategy");
  }
  if (embed !== undefined) requireOutputFile("--embed", embed);
  if (output !== undefined) requireOutputFile("--output", output, { "the model": [...models, embed] });
}
