import { stringify } from "csv-stringify/sync";
import { markdownTable } from "markdown-table";
import { oneLine } from "../../graph/errors.js";
import type { ScaleTable, ScaleTableRow } from "../scaling/scale-table.js";

/** A way to write down scale tables as they are, one or several. */
export interface TableFormat {
  /** One line: what it makes and for whom. */
  readonly summary: string;
  generate(tables: readonly ScaleTable[]): string;
}

const json: TableFormat = {
  summary: "the scale table, or an array of them",
  generate: (tables) => `${JSON.stringify(tables.length === 1 ? tables[0] : tables, null, 2)}\n`,
};

/** One line for each parameter and table (long form), so that any number of tables fit one file. */
const csv: TableFormat = {
  summary: "one line for each parameter, with model and strategy",
  generate: (tables) =>
    stringify(
      tables.flatMap(({ model, strategy, parameters }) =>
        parameters.map((row) => ({
          model: model.file,
          strategy: strategy.name,
          convention: strategy.convention,
          gamma: strategy.gamma,
          normalized: String(strategy.normalized),
          ...row,
          frameworkName: row.frameworkName ?? "",
          shape: row.shape.join("x"),
        })),
      ),
      { header: true, columns: csvColumns },
    ),
};

const csvColumns = (
  "model strategy convention gamma normalized name frameworkName layer op role dtype shape elements depth fanIn fanOut " +
  "connections uses scale"
).split(" ");

const markdown: TableFormat = {
  summary: "for a README or an issue",
  generate: (tables) => tables.map(markdownOf).join("\n"),
};

function markdownOf({ model, strategy, statistics, parameters }: ScaleTable): string {
  const { name, gamma, convention, normalized } = strategy;
  const { minConnections, medianConnections, maxConnections, totalDepth } = statistics;
  const header = ["parameter", "layer", "role", "shape", "depth", "fan-in", "fan-out", "connections", "scale"];
  const cells = ({
    name: tensor,
    frameworkName,
    layer,
    role,
    shape,
    depth,
    fanIn,
    fanOut,
    connections,
    scale,
  }: ScaleTableRow) => {
    const [parameter, owner] = [frameworkName ?? tensor, layer].map((text) => `\`${escaped(text)}\``);
    return [parameter, owner, role, shape.join("×"), depth, fanIn, fanOut, connections, scale.toFixed(4)].map(String);
  };
  return [
    `**${escaped(model.file)}**: ${name}, γ = ${gamma}, convention ${convention}${normalized ? ", normalized" : ""}; connections ${minConnections} (least), ${medianConnections} (median), ${maxConnections} (most); total depth ${totalDepth}`,
    "",
    markdownTable([header, ...parameters.map(cells)], {
      align: ["l", "l", "l", "l", "r", "r", "r", "r", "r"],
    }),
    "",
  ].join("\n");
}

function escaped(text: string): string {
  return oneLine(text).replaceAll("|", "\\|").replaceAll("`", "'");
}

/** Every table format by the name that `annotate --format` takes. */
export const tableFormats = { json, csv, markdown } as const satisfies Record<string, TableFormat>;

export type TableFormatName = keyof typeof tableFormats;
