import { bodiesOf, capturedNames } from "../../graph/bodies.js";
import { isFloatingPoint } from "../../graph/data-type.js";
import { InputError } from "../../graph/errors.js";
import { describeNode, type Graph, type Node, operatorName, type ValueInfo } from "../../graph/model.js";
import { isStandard } from "../../graph/standard-model.js";
import { decompositions } from "../decompose/index.js";
import type { LossSpecification } from "./losses.js";

/**
 * Refuses operators that are neither standard nor can be written in standard ones, where an output needs them: what
 * they make has no known shape, so that other nodes would be found at fault.
 * @param outputs names of values of the graph
 * @throws InputError for the first such node
 */
export function requireStandardOperators(graph: Graph, outputs: Iterable<string>): void {
  const needed = neededNodes(graph, outputs);
  for (const node of graph.nodes) {
    if (!needed.has(node)) continue;
    if (!isStandard(node) && !decompositions.has(operatorName(node))) throw notStandard(node);
    // Which branch is taken may turn out to be known; the other one does not count then.
    if (node.opType === "If") continue;
    for (const body of bodiesOf(node)) {
      requireStandardOperators(
        body,
        body.outputs.map(({ name }) => name),
      );
    }
  }
}

/**
 * The outputs of a model that losses are put on, or that are losses; of those without a name the first output that may
 * hold real numbers.
 */
export function lossOutputs({ outputs }: Graph, losses: readonly LossSpecification[]): readonly string[] {
  const first = outputs.find(mayBeReal)?.name;
  return losses.flatMap(({ output = first }) => (output === undefined ? [] : [output]));
}

function mayBeReal({ type }: ValueInfo): boolean {
  return type === undefined || (type.kind === "tensor" && isFloatingPoint(type.dataType));
}

/** The nodes that some values are made by, directly or not. */
function neededNodes(graph: Graph, names: Iterable<string>): ReadonlySet<Node> {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const needed = new Set<Node>();
  const open = [...names];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const maker = name === "" ? undefined : makers.get(name);
    if (maker === undefined || needed.has(maker)) continue;
    needed.add(maker);
    for (const input of [...maker.inputs, ...capturedNames(maker)]) open.push(input);
  }
  return needed;
}

/** The error for an operator that is not standard and cannot be written in standard ones. */
export function notStandard(node: Node): InputError {
  if (/^com\.microsoft\.nchwc$|^com\.ms\.internal\.nhwc$/.test(node.domain)) {
    return new InputError(
      describeNode(node),
      `the operator ${operatorName(node)} is in a layout for one kind of processor, as ORT_ENABLE_ALL saves models`,
      "use the original model, or save it with ORT_ENABLE_EXTENDED",
    );
  }
  return new InputError(
    describeNode(node),
    node.domain === ""
      ? `there is no operator ${node.opType} in ai.onnx up to opset 26`
      : `the operator ${operatorName(node)} is not a standard one and cannot be written in standard ones`,
    remedy(node),
  );
}

function remedy({ domain }: Node): string {
  switch (domain) {
    case "":
      return "check its name and its domain";
    case "ai.onnx.ml":
      return "train the part before it: name that part's output with --loss OUTPUT=..., and emit the gradient alone";
    case "com.microsoft":
      return "use the original model, not one that ONNX Runtime has optimized";
    default:
      return "export the model without it";
  }
}
