import { type AttributeInputs, attributesOf } from "../../builder.js";
import type { Node, ValueInfo } from "../../model.js";
import { node } from "../../testing/models.js";
import type { Facts } from "../facts.js";

/** "float32[batch, 3]" for each value asked for. */
export function typesOf(facts: ReadonlyMap<string, Facts>, ...names: readonly string[]): readonly string[] {
  return names.map((name) => textOf(facts.get(name)));
}

/** "int64[2] = 1, 2" */
export function textOf(facts: Facts | undefined): string {
  if (facts === undefined) return "no facts";
  const { dataType, shape, elements } = facts;
  const values = elements === undefined ? "" : ` = ${elements.map((element) => element ?? "?").join(", ")}`;
  return `${dataType}${shape === undefined ? "" : `[${shape.join(", ")}]`}${values}`;
}

/** A node with attributes as a graph builder takes them. */
export function op(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: AttributeInputs = {},
): Node {
  return node(opType, inputs, outputs, { attributes: attributesOf(attributes) });
}

/** A graph input, output or value with its type. */
export function declared(
  name: string,
  dataType: "float32" | "int64",
  shape: readonly (number | string | null)[],
): ValueInfo {
  return { name, type: { kind: "tensor", dataType, shape } };
}
