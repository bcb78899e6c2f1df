import { InputError } from "../errors.js";
import { describeNode, type Node } from "../model.js";
import { type Extent, symbol } from "./extent.js";
import { type Facts, unknownFacts } from "./facts.js";
import { shapeRules } from "./rules/index.js";
import { formatShape } from "./shape-math.js";

/**
 * What is known of a node's outputs: their types and shapes, as ONNX defines them for the working opset, and the
 * elements of those that compute with shapes. Operators without a rule have outputs of which nothing is known.
 * @param bodies facts of the outputs of control-flow bodies, by attribute
 * @param nameSymbol makes the symbols of unknown extents
 * @throws InputError where the node contradicts its operator, such as shapes that do not fit together
 */
export function inferOutputs(
  node: Node,
  inputs: readonly (Facts | undefined)[],
  bodies: ReadonlyMap<string, readonly Facts[]> = new Map(),
  nameSymbol: (text: string) => Extent = symbol,
): readonly Facts[] {
  const rule = node.domain === "" ? shapeRules.get(node.opType) : undefined;
  if (rule === undefined) return node.outputs.map(() => unknownFacts);
  const fail = (what: string): never => {
    throw new InputError(describeNode(node), what);
  };
  const input = (index: number) => inputs[index] ?? fail(`lacks its input ${index}`);
  const unknownExtent = (output: number, axis: number) => nameSymbol(unknownExtentName(node, output, axis));
  const facts = rule({
    node,
    inputs,
    input,
    shape: (index) => input(index).shape,
    unknownExtent,
    unknownShape: (output, rank) => Array.from({ length: rank }, (_, axis) => unknownExtent(output, axis)),
    body: (attribute) => bodies.get(attribute) ?? fail(`lacks its attribute ${attribute}`),
    fail,
  });
  for (const { shape } of facts) {
    const isShape = shape?.every((extent) => typeof extent === "string" || (Number.isInteger(extent) && extent >= 0));
    if (shape !== undefined && isShape !== true) fail(`would have an output of the shape ${formatShape(shape)}`);
  }
  return node.outputs.map((_, index) => facts[index] ?? unknownFacts);
}

/** What the symbol for an unknown extent of a node's output is named after. */
export function unknownExtentName(node: Node, output: number, axis: number): string {
  const name = node.outputs[output] ?? "";
  if (name !== "") return `${name}_dim${axis}`;
  return `${node.outputs.find((other) => other !== "") ?? node.name}_output${output}_dim${axis}`;
}
