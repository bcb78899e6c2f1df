import type { Graph } from "../../../graph/model.js";
import { Rewriting, type Upgrade } from "./rewriting.js";

/** Scan, which was made for batches at first. */
export const scan: readonly Upgrade[] = [{ operators: ["Scan"], until: 9, rewrite: batchedScan }];

/**
 * Scan of opset 8 (sequence_lens, states and sequences, all with a batch axis in front) treats each row of the batch
 * by itself: a Scan over the batch, whose body is the Scan over time. A sequence that is shorter than its row is cut
 * out of it first, and what was gathered from it is filled up with zeros.
 */
function batchedScan(at: Rewriting): void {
  const body = at.attribute("body");
  const sequenceCount = at.integer("num_scan_inputs");
  if (body?.kind !== "graph") throw at.missing("body");
  if (sequenceCount === undefined) throw at.missing("num_scan_inputs");
  const [lengths = "", ...inputs] = at.node.inputs;
  const stateCount = inputs.length - sequenceCount;
  const rows = inputs.map((_, index) => at.fresh(`row_${index}`));
  const length = lengths === "" ? "" : at.fresh("length");
  const overTime = new Rewriting(at.node, at.around);
  const results =
    length === "" ? scanRow(overTime, rows, body.value) : scanPartOfRow(overTime, rows, body.value, stateCount, length);
  const received = length === "" ? rows : [...rows, length];
  at.keep(length === "" ? inputs : [...inputs, lengths], {
    body: { kind: "graph", value: rowGraph(received, overTime, results) },
    directions: undefined,
    num_scan_inputs: received.length,
  });
}

/** The Scan over time of all of a row; returns what its body returns. */
function scanRow(at: Rewriting, rows: readonly string[], body: Graph): readonly string[] {
  const results = body.outputs.map((_, index) => at.fresh(`result_${index}`));
  at.keep(rows, { directions: undefined, scan_input_directions: at.attribute("directions") }, results);
  return results;
}

/** The same of the first `length` steps. */
function scanPartOfRow(
  at: Rewriting,
  rows: readonly string[],
  body: Graph,
  stateCount: number,
  length: string,
): readonly string[] {
  const zero = at.constant("zero", [0]);
  const steps = at.emit("steps", "Reshape", [length, at.constant("line", [1])]);
  const parts = rows.map((row, index) =>
    index < stateCount ? row : at.emit(`part_${index}`, "Slice", [row, zero, steps, zero]),
  );
  const results = scanRow(at, parts, body);
  const longest = at.emit("longest", "Shape", [rows[stateCount] ?? ""], { start: 0, end: 1 });
  const missing = at.emit("missing", "Concat", [zero, at.emit("rest", "Sub", [longest, steps])], { axis: 0 });
  return results.map((result, index) =>
    index < stateCount ? result : at.emit(`filled_${index}`, "Pad", [result, missing, "", zero]),
  );
}

function rowGraph(inputs: readonly string[], { nodes }: Rewriting, outputs: readonly string[]): Graph {
  return {
    name: "row",
    inputs: inputs.map((name) => ({ name })),
    outputs: outputs.map((name) => ({ name })),
    initializers: [],
    sparseInitializers: [],
    nodes,
    valueInfo: [],
    metadata: new Map(),
  };
}
