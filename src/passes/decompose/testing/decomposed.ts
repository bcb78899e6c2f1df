import { type AttributeInputs, attributesOf } from "../../../graph/builder.js";
import { Emitter, type Value } from "../../../graph/emitter.js";
import type { Node } from "../../../graph/model.js";
import { Operators } from "../../../graph/operators.js";
import type { Facts } from "../../../graph/shapes/facts.js";
import { differentiate } from "../../gradient/differentiate.js";
import { decompose } from "../index.js";

/**
 * One application of an operator, given by its name with the domain in front, to inputs of which only facts are known.
 */
export interface Application {
  readonly operator: string;
  readonly inputs: readonly (Facts | undefined)[];
  readonly attributes?: AttributeInputs;
  /** Whose gradients are wanted; by default those of all inputs. */
  readonly parameters?: readonly number[];
}

/** A float32 input. */
export function real(...shape: (number | string)[]): Facts {
  return { dataType: "float32", shape };
}

/** The operators that a node is decomposed into, in order. */
export function operatorsOf(application: Application): readonly string[] {
  const { emitter, outputs } = emitted(application);
  return namesIn(emitter, outputs);
}

/** The operators of a node, decomposed if it is, and of the gradients of its first output. */
export function operatorsWithGradients(application: Application): readonly string[] {
  const { emitter, inputs, outputs } = emitted(application);
  const [value] = outputs;
  if (value === undefined) return [];
  const gradient = emitter.input("gradient", value);
  const towards = (application.parameters ?? [...inputs.keys()]).flatMap((index) => inputs[index] ?? []);
  const gradients = differentiate(new Operators(emitter), { seeds: [{ value, gradient }], towards });
  return namesIn(emitter, [value, ...gradients]);
}

function emitted({ operator, inputs: facts, attributes = {} }: Application) {
  const emitter = new Emitter();
  const inputs = facts.map((fact, index) => (fact === undefined ? undefined : emitter.input(`input${index}`, fact)));
  const at = operator.lastIndexOf(".");
  const node: Node = {
    name: "operator",
    domain: operator.slice(0, Math.max(at, 0)),
    opType: operator.slice(at + 1),
    overload: "",
    inputs: inputs.map((input) => input?.name ?? ""),
    outputs: ["output"],
    attributes: attributesOf(attributes),
    metadata: new Map(),
  };
  return { emitter, inputs, outputs: decompose({ emitter, node, inputs }) ?? emitter.emit({ ...node, inputs }) };
}

function namesIn(emitter: Emitter, outputs: readonly (Value | undefined)[]): readonly string[] {
  const values = outputs.flatMap((value) => (value === undefined ? [] : [{ value }]));
  return emitter.graph("graph", values).nodes.map(({ opType }) => opType);
}
