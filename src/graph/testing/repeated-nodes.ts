import type { Attribute, Graph } from "../model.js";
import { rawBytes } from "../tensor.js";

/** Nodes that do the same to the same inputs as another one. */
export function repeatedNodes(graph: Graph): readonly string[] {
  const seen = new Set<string>();
  return graph.nodes.flatMap(({ name, opType, inputs, attributes }) => {
    const said = [...attributes].map(([attribute, value]) => `${attribute} ${textOf(value)}`).toSorted();
    const key = JSON.stringify([opType, inputs, said]);
    if (seen.has(key)) return [name];
    seen.add(key);
    return [];
  });
}

function textOf(attribute: Attribute): string {
  if (attribute.kind === "tensor") return Buffer.from(rawBytes(attribute.value)).toString("hex");
  return JSON.stringify(attribute, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value));
}
