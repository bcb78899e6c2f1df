// Time and memory of `annotate` on large models, beside Python's onnx.load on the same files.
//   npm run bench:annotate            (PYTHON=path/to/python for an interpreter that has onnx)
import { spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writer } from "protobufjs/minimal.js";
import { encodeModel, float32Tensor, graphBuilder, modelOf } from "../dist/src/index.js";

/** @typedef {Uint8Array | { readonly hole: number }} Part Bytes, or so many zeros that take no space on the disk. */

/** @param {readonly Part[]} parts */
const sizeOf = (parts) => parts.reduce((sum, part) => sum + ("hole" in part ? part.hole : part.length), 0);

/** A length-delimited field. @param {number} number @param {readonly Part[]} parts @returns {Part[]} */
const field = (number, parts) => [
  new Writer()
    .uint32((number << 3) | 2)
    .uint32(sizeOf(parts))
    .finish(),
  ...parts,
];
/** @param {number} number @param {string} value */
const text = (number, value) => field(number, [Buffer.from(value)]);
/** @param {number} number @param {number} value @returns {Part[]} */
const integer = (number, value) => [
  new Writer()
    .uint32(number << 3)
    .uint32(value)
    .finish(),
];

/**
 * A chain of MatMul nodes with square weights of `width`, embedded or in one external file of zeros.
 * @param {string} path @param {number} layers @param {number} width @param {string | undefined} external
 */
function writeSparseModel(path, layers, width, external) {
  const bytes = width * width * 4;
  /** @type {Part[]} */
  const graph = [];
  for (let layer = 0; layer < layers; layer++) {
    graph.push(
      ...field(1, [
        ...text(1, `h${layer}`),
        ...text(1, `w${layer}`),
        ...text(2, `h${layer + 1}`),
        ...text(4, "MatMul"),
      ]),
    );
  }
  /** @param {string} key @param {string} value */
  const entry = (key, value) => field(13, [...text(1, key), ...text(2, value)]);
  for (let layer = 0; layer < layers; layer++) {
    const payload =
      external === undefined
        ? field(9, [{ hole: bytes }])
        : [
            ...entry("location", external),
            ...entry("offset", String(layer * bytes)),
            ...entry("length", String(bytes)),
            ...integer(14, 1),
          ];
    graph.push(
      ...field(5, [...integer(1, width), ...integer(1, width), ...integer(2, 1), ...text(8, `w${layer}`), ...payload]),
    );
  }
  graph.push(...field(11, text(1, "h0")), ...field(12, text(1, `h${layers}`)));
  writeParts(path, [...integer(1, 8), ...field(7, graph), ...field(8, integer(2, 17))]);
}

/** @param {string} path @param {readonly Part[]} parts */
function writeParts(path, parts) {
  const descriptor = openSync(path, "w");
  let position = 0;
  for (const part of parts) {
    if ("hole" in part) position += part.hole;
    else position += writeSync(descriptor, part, 0, part.length, position);
  }
  ftruncateSync(descriptor, position);
  closeSync(descriptor);
}

/** @param {string} path @param {number} nodes */
function writeManyNodes(path, nodes) {
  const graph = graphBuilder("deep");
  let value = graph.input("x", "float32", ["batch", 4]);
  for (let layer = 0; layer < nodes / 4; layer++) {
    const weight = graph.initializer(float32Tensor(`layers.${layer}.weight`, [4, 4]));
    const bias = graph.initializer(float32Tensor(`layers.${layer}.bias`, [4]));
    const product = graph.node("MatMul", [value, weight], {}, { name: `/layers.${layer}/MatMul` });
    const biased = graph.node("Add", [product, bias], {}, { name: `/layers.${layer}/Add` });
    value = graph.node("Add", [graph.node("Relu", [biased]), value]);
  }
  graph.output(value, "float32");
  writeFileSync(path, encodeModel(modelOf(graph.graph())));
}

const report =
  "process.on('exit', () => { const u = process.resourceUsage(); process.stderr.write('USAGE ' + JSON.stringify({ cpu: (u.userCPUTime + u.systemCPUTime) / 1e6, peak: u.maxRSS / 1024 })); });";
/** @param {string[]} args @returns {[string, string[]]} */
const annotate = (args) => [
  process.execPath,
  ["--import", `data:text/javascript,${encodeURIComponent(report)}`, "dist/cli/main.js", "annotate", ...args],
];
/** @param {string} path @returns {[string, string[]]} */
const onnxLoad = (path) => [
  process.env["PYTHON"] ?? "python3",
  [
    "-c",
    "import resource, sys, json, onnx; onnx.load(sys.argv[1]); u = resource.getrusage(resource.RUSAGE_SELF); sys.stderr.write('USAGE ' + json.dumps({'cpu': u.ru_utime + u.ru_stime, 'peak': u.ru_maxrss / 1024}))",
    path,
  ],
];

/** Median CPU seconds and peak MB of five runs. @param {readonly [string, string[]]} command */
function measure([program, args]) {
  /** @type {{ cpu: number, peak: number }[]} */
  const runs = [];
  for (let run = 0; run < 5; run++) {
    const { stderr, status } = spawnSync(program, args, { encoding: "utf8", maxBuffer: 1 << 28 });
    const usage = /USAGE (\{.*\})/.exec(stderr ?? "")?.[1];
    if (status !== 0 || usage === undefined) return undefined;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own line, just above
    runs.push(/** @type {{ cpu: number, peak: number }} */ (JSON.parse(usage)));
  }
  const median = (/** @type {"cpu" | "peak"} */ key) =>
    runs.map((run) => run[key]).toSorted((a, b) => a - b)[2] ?? Number.NaN;
  return { cpu: median("cpu"), peak: median("peak") };
}

const folder = mkdtempSync(join(tmpdir(), "caadam-bench-"));
try {
  const embedded = join(folder, "embedded.onnx");
  const external = join(folder, "external.onnx");
  const deep = join(folder, "deep.onnx");
  const small = "fixtures/pytorch/mlp.torchscript.onnx";
  writeSparseModel(embedded, 7, 8192, undefined);
  writeSparseModel(external, 32, 8192, "external.data");
  writeParts(join(folder, "external.data"), [{ hole: 32 * 8192 * 8192 * 4 }]);
  writeManyNodes(deep, 20_000);
  const rows = [
    { what: "small model (start-up alone)", ours: annotate([small]), theirs: onnxLoad(small) },
    { what: "1.9 GB embedded weights", ours: annotate([embedded]), theirs: onnxLoad(embedded) },
    {
      what: "1.9 GB embedded weights, --format json (SHA-256 of the file)",
      ours: annotate([embedded, "--format", "json"]),
    },
    { what: "8.6 GB external data", ours: annotate([external]), theirs: onnxLoad(external) },
    { what: "20,000 nodes, 10,000 parameters", ours: annotate([deep]), theirs: onnxLoad(deep) },
  ];
  console.log(
    "| model | annotate: CPU s | peak MB | onnx.load: CPU s | peak MB |\n| --- | ---: | ---: | ---: | ---: |",
  );
  for (const { what, ours, theirs } of rows) {
    const cells = [ours, theirs].flatMap((command) => {
      const result = command === undefined ? undefined : measure(command);
      return result === undefined ? ["-", "-"] : [result.cpu.toFixed(2), result.peak.toFixed(0)];
    });
    console.log(`| ${[what, ...cells].join(" | ")} |`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
