// The table of the CaAdam paper (arXiv 2410.24216): six networks on California housing, each strategy against Adam, with
// the protocol of the reference notebooks. Besides the convention `keras`, as which the published numbers were computed:
// `layer`, scales divided by their mean, and Adam with the mean scale as a factor on its learning rate.
//
//   npm run bench:paper -- california_housing.csv [--seeds 5] [--networks 64-32,128-64-32] [--results results.json]
//
// The file: StatLib's California housing (README). Results are written after each network, and networks that are
// there already are not trained again.
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { parse } from "csv-parse";
import { markdownTable } from "markdown-table";
import {
  caAdamVariants,
  compare,
  datasetFrom,
  newMlp,
  percent,
  permutation,
  probability,
  randomOf,
  writeFile,
} from "../dist/src/index.js";

/**
 * @typedef {import("../dist/src/index.js").VariantSummary} VariantSummary
 * @typedef {{ variants: readonly (Omit<VariantSummary, "runs"> & { values: readonly number[] })[], verdict: readonly string[] }} Table
 */

/** The improvement of test RMSE by the strategy multiplicative, mean of 30 runs. @type {Readonly<Record<string, number>>} */
const published = {
  "64-32": 2.07,
  "128-64-32": 2.87,
  "128-128-64": 2.24,
  "256-128-64-32": 1.43,
  "128-128-128-128-128": 1.44,
  "1024-256-64-16": -0.26,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: "string", default: "5" },
    networks: { type: "string", default: Object.keys(published).join(",") },
    results: { type: "string", default: "paper-table.json" },
    threads: { type: "string", default: "1" },
  },
});
const [path] = positionals;
if (path === undefined) throw new Error("name the file: npm run bench:paper -- california_housing.csv");

const seeds = Array.from({ length: Number(values.seeds) }, (_, seed) => seed);
const data = split(await examples(path));
const results = existsSync(values.results) ? tablesIn(values.results) : {};
for (const network of values.networks.split(",")) {
  results[network] ??= await table(network);
  writeFile(values.results, JSON.stringify(results, undefined, 1));
}
print(results);

/** @param {string} network @returns {Promise<Table>} */
async function table(network) {
  /**
   * @param {readonly import("../dist/src/index.js").Convention[]} names
   * @param {readonly import("../dist/src/index.js").StrategyName[]} strategies
   * @param {boolean} withNormalized
   */
  const conventions = (names, strategies, withNormalized) =>
    caAdamVariants({ strategies, conventions: names, withNormalized });
  const variants = [
    ...conventions(["keras"], ["additive", "multiplicative", "depth"], false),
    ...conventions(["layer"], ["additive", "multiplicative", "multiplicative-signed", "depth"], true),
  ];
  const { variants: found, verdict } = await compare(
    newMlp({ sizes: [8, ...network.split("-").map(Number), 1] }),
    data,
    {
      variants,
      withLargerSteps: true,
      seeds,
      initialization: { scheme: "glorot", distribution: "uniform" },
      loss: { name: "mse" },
      measure: "rmse",
      epochs: 1000,
      batchSize: 128,
      threads: Number(values.threads),
      // As in the notebooks: EarlyStopping and ReduceLROnPlateau of Keras.
      earlyStopping: { patience: 25, minDelta: 0.00001, startFromEpoch: 12, restoreBest: true },
      schedule: { name: "plateau", factor: 0.25, patience: 8, minDelta: 0.00001, minRate: 0.000025 },
      onEvent: (event, { variant, seed, run, runs }) => {
        if (event.event !== "end") return;
        const { epoch, seconds } = event;
        console.error(`${network} ${run}/${runs} seed ${seed} ${variant}: ${epoch} epochs, ${seconds.toFixed(1)} s`);
      },
    },
  );
  return {
    variants: found.map(({ runs, ...summary }) => ({ ...summary, values: runs.map(({ value }) => value) })),
    verdict,
  };
}

/**
 * The eight features of the usual loaders and the target; the 207 rows with a missing value are dropped.
 * @param {string} file
 */
async function examples(file) {
  /** @type {number[][]} */
  const rows = [];
  /** @type {AsyncIterable<Readonly<Record<string, string>>>} */
  const records = createReadStream(file).pipe(parse({ columns: true }));
  for await (const row of records) {
    /** @param {string} name */
    const of = (name) => (row[name] === "" ? Number.NaN : Number(row[name]));
    const households = of("households");
    const example = [
      of("median_income"),
      of("housing_median_age"),
      of("total_rooms") / households,
      of("total_bedrooms") / households,
      of("population"),
      of("population") / households,
      of("latitude"),
      of("longitude"),
      of("median_house_value"),
    ];
    if (example.every(Number.isFinite)) rows.push(example);
  }
  return rows;
}

/**
 * 20% for the test, 20% of the others for validation; standardized, features and target, by all that is not the test.
 * @param {readonly (readonly number[])[]} rows
 */
function split(rows) {
  const order = permutation(rows.length, randomOf(113, "paper-table"));
  const shuffled = Array.from(order, (index) => rows[index] ?? []);
  const trained = Math.floor(rows.length * 0.8);
  const known = shuffled.slice(0, trained);
  const statistics = (known[0] ?? []).map((_, column) => {
    const mean = known.reduce((sum, row) => sum + (row[column] ?? 0), 0) / trained;
    const variance = known.reduce((sum, row) => sum + ((row[column] ?? 0) - mean) ** 2, 0) / trained;
    return { mean, deviation: Math.sqrt(variance) };
  });
  const standardized = shuffled.map((row) =>
    row.map((value, column) => {
      const { mean = 0, deviation = 1 } = statistics[column] ?? {};
      return (value - mean) / deviation;
    }),
  );
  /** @param {number} start @param {number} [end] */
  const dataset = (start, end) => {
    const part = standardized.slice(start, end);
    return datasetFrom({ x: part.map((row) => row.slice(0, 8)), target: part.map((row) => row.slice(8)) });
  };
  const training = Math.floor(trained * 0.8);
  return { training: dataset(0, training), validation: dataset(training, trained), test: dataset(trained) };
}

/** @param {string} file @returns {Record<string, Table>} */
function tablesIn(file) {
  // oxlint-disable-next-line typescript/no-unsafe-return -- what this script has written
  return JSON.parse(readFileSync(file, "utf8"));
}

/**
 * The improvement on Adam by network, with p; in bold what stays after Holm's correction, of strategies and of larger
 * steps each by themselves.
 * @param {Readonly<Record<string, Table>>} all
 */
function print(all) {
  const networks = Object.keys(all);
  const summaries = Object.values(all).map(
    ({ variants }) => new Map(variants.map((variant) => [rowOf(variant), variant])),
  );
  const rows = [...new Set(summaries.flatMap((summary) => [...summary.keys()]))].map((row) => [
    row,
    ...summaries.map((summary) => cellOf(summary.get(row))),
  ]);
  const expected = networks.map((network) => percent(published[network] ?? Number.NaN));
  const header = ["test RMSE", ...networks.map((network) => `[${network.replaceAll("-", ", ")}]`)];
  const align = ["l", ...networks.map(() => "r")];
  console.log(markdownTable([header, ["published, multiplicative (keras)", ...expected], ...rows], { align }));
  for (const [network, { verdict }] of Object.entries(all)) console.log(`\n[${network}] ${verdict.join(" ")}`);
}

/** @param {Pick<VariantSummary, "name" | "largerStepsOf">} variant */
function rowOf({ name, largerStepsOf }) {
  return largerStepsOf === undefined ? name : `adam × mean S of ${largerStepsOf}`;
}

/** @param {Omit<VariantSummary, "runs"> | undefined} variant */
function cellOf(variant) {
  if (variant === undefined) return "";
  const { mean, deviation, difference } = variant;
  if (difference === undefined) return `${mean.toFixed(4)} ± ${deviation.toFixed(4)}`;
  const cell = `${percent(difference.improvement)} (${probability(difference.p)})`;
  return difference.correctedP < 0.05 ? `**${cell}**` : cell;
}
