import { isFloatingPoint } from "../graph/data-type.js";
import { describeNode, type Node } from "../graph/model.js";
import { standardModel } from "../graph/standard-model.js";
import { readFloats } from "../graph/tensor.js";
import type { Artifact } from "../passes/training/artifact.js";
import { hostTensor, Session, type SessionOptions, type Tensors } from "./session.js";
import type { HostTensor } from "./host-tensor.js";
import { type StateKind, stateKinds, type TrainingState } from "./training-state.js";

/**
 * Looks for the first number of a computation that is none: in what goes in, then in what each node makes of it, in
 * their order. Infinities that the model has among its constants, as masks of attention do, are what they should be.
 * @returns what it is in, in words; undefined where all numbers are finite
 */
export async function firstNotFinite(
  artifact: Artifact,
  feeds: Tensors,
  state: TrainingState,
  options: SessionOptions,
): Promise<string | undefined> {
  for (const { name: input, role } of artifact.contract.inputs) {
    const fed = feeds[input];
    if ((role === "feature" || role === "target") && fed !== undefined && flawOf(hostTensor(fed)) !== undefined) {
      return `the ${role} "${input}" of this batch`;
    }
  }
  const given = stateNotFinite(state);
  if (given !== undefined) return given;
  const node = firstNode(artifact, await allOutputs(artifact, feeds, options));
  return node && `the output of ${describeNode(node)}`;
}

/** The first parameter, running statistic or moment that is not finite, in words. */
export function stateNotFinite(state: TrainingState): string | undefined {
  for (const kind of stateKinds) {
    for (const [name, tensor] of state.views(kind)) {
      if (flawOf(tensor) !== undefined) return `the ${inWords[kind]} "${name}"`;
    }
  }
  return undefined;
}

const inWords: Readonly<Record<StateKind, string>> = {
  parameter: "parameter",
  buffer: "running statistic",
  moment1: "first moment of",
  moment2: "second moment of",
  moment2max: "greatest second moment of",
  average: "average of",
};

/** What every node puts out. */
async function allOutputs({ name, graph }: Artifact, feeds: Tensors, options: SessionOptions): Promise<Tensors> {
  const outputs = graph.nodes.flatMap((node) => node.outputs.filter((output) => output !== ""));
  const everything = { ...graph, outputs: outputs.map((output) => ({ name: output })) };
  const session = await Session.open(standardModel(everything, `${name}.onnx`), options);
  try {
    return await session.run(feeds);
  } finally {
    await session.close();
  }
}

/** The first node with a NaN, or with an infinity that does not come from a constant. */
function firstNode({ graph }: Artifact, results: Tensors): Node | undefined {
  const varying = new Set(graph.inputs.map(({ name }) => name));
  /** Constants with infinities, and what has them from there. */
  const infinite = new Set(
    graph.initializers.flatMap((tensor) =>
      isFloatingPoint(tensor.dataType) && flawIn(readFloats(tensor, "float64")) !== undefined ? [tensor.name] : [],
    ),
  );
  for (const node of graph.nodes) {
    const varies = node.inputs.some((input) => varying.has(input));
    const isExpected = !varies || node.inputs.some((input) => infinite.has(input));
    for (const output of node.outputs) {
      if (varies) varying.add(output);
      const tensor = results[output];
      const flaw = tensor && flawOf(hostTensor(tensor));
      if (flaw === undefined) continue;
      if (flaw === "NaN" || !isExpected) return node;
      infinite.add(output);
    }
  }
  return undefined;
}

/** How the numbers of a tensor are not finite; undefined where they are. */
function flawOf({ type, data }: HostTensor): Flaw | undefined {
  switch (type) {
    case "float32":
    case "float64":
      return flawIn(data);
    case "float16":
      return flawInHalves(data);
    default:
      return undefined;
  }
}

/** NaN weighs more. */
type Flaw = "NaN" | "infinity";

function flawIn(numbers: Float32Array | Float64Array): Flaw | undefined {
  let flaw: Flaw | undefined;
  for (let index = 0; index < numbers.length; index++) {
    const number = numbers[index] ?? 0;
    // 0 for finite numbers, NaN for all others.
    if (number - number === 0) continue;
    if (Number.isNaN(number)) return "NaN";
    flaw = "infinity";
  }
  return flaw;
}

/** All bits of the exponent are set; those of the fraction make it a NaN. */
function flawInHalves(halves: Uint16Array): Flaw | undefined {
  let flaw: Flaw | undefined;
  for (const bits of halves) {
    if ((bits & 0x7c00) !== 0x7c00) continue;
    if ((bits & 0x3ff) !== 0) return "NaN";
    flaw = "infinity";
  }
  return flaw;
}
