import { expect } from "vitest";
import { type AttributeInputs, attributesOf, graphBuilder, modelOf } from "../../builder.js";
import type { DataType } from "../../data-type.js";
import type { Node } from "../../model.js";
import { numberTensor, type Tensor } from "../../tensor.js";
import { node } from "../../testing/models.js";
import { type PlainTensor, runModel } from "../../testing/run-model.js";
import { type Extent, substitute, symbolsOf } from "../extent.js";
import type { Facts } from "../facts.js";
import { inferOutputs } from "../infer.js";
import { factsOfTensor } from "../tensor-facts.js";

/** A node with attributes as a graph builder takes them; its inputs are i0, i1, ..., its outputs o0, o1, ... */
export function nodeOf(opType: string, inputs: number, attributes: AttributeInputs = {}, outputs = 1): Node {
  return node(opType, names("i", inputs), names("o", outputs), { attributes: attributesOf(attributes) });
}

/**
 * The shapes and types of a node's outputs, by those of its inputs: "float32[batch, 3]"; "float32" is of unknown rank.
 */
export function inferredTypes(
  opType: string,
  inputs: readonly (Facts | undefined)[],
  attributes: AttributeInputs = {},
  outputs = 1,
): readonly string[] {
  const facts = inferOutputs(nodeOf(opType, inputs.length, attributes, outputs), inputs);
  return facts.map(({ dataType, shape }) => (shape === undefined ? dataType : `${dataType}[${shape.join(", ")}]`));
}

/**
 * Checks what is inferred of a node's outputs against what ONNX Runtime computes, three times: with the inputs' extents
 * as numbers, where types and shapes must be the same; as symbols, which must come out the same with the numbers put
 * in; and as symbols without knowing any input's elements.
 * @param inputs tensors, undefined for omitted ones
 */
export async function expectRuntimeAgrees(
  opType: string,
  inputs: readonly (PlainTensor | undefined)[],
  attributes: AttributeInputs = {},
  outputs = 1,
  options: RunOptions = {},
): Promise<void> {
  const results = await runNode(opType, inputs, attributes, outputs, options);
  const types = results.map(({ dataType, shape }) => ({ dataType, shape }));
  const infer = (facts: readonly (Facts | undefined)[]): readonly Facts[] =>
    inferOutputs(nodeOf(opType, inputs.length, attributes, outputs), facts);

  const known = infer(inputs.map((tensor) => tensor && factsOf(tensor)));
  expect(known.map(({ dataType, shape }) => ({ dataType, shape }))).toEqual(types);

  const numbers = new Map<string, number>();
  const symbolic = inputs.map(
    (tensor, index) => tensor && { ...factsOf(tensor), shape: symbols(tensor, index, numbers) },
  );
  const blind = symbolic.map((facts) => facts && { dataType: facts.dataType, shape: facts.shape });
  for (const facts of [infer(symbolic), infer(blind)]) {
    expect(facts.map(({ dataType }) => dataType)).toEqual(results.map(({ dataType }) => dataType));
    for (const [output, { shape, elements }] of facts.entries()) {
      const result = results[output];
      if (shape !== undefined)
        expect(shape.map((extent) => numberOf(extent, numbers))).toEqual(like(result?.shape, shape, numbers));
      if (elements !== undefined) {
        const expected = result?.values.map((value, index) => (elements[index] === null ? null : value));
        expect(elements.map((element) => element && numberOf(element, numbers))).toEqual(expected);
      }
    }
  }
}

export interface RunOptions {
  /** Which inputs are constants of the model; by default none. */
  readonly constants?: readonly number[];
  /** The opset of the model, for operators whose newest version the runtime lacks; by default 24. */
  readonly opset?: number;
}

/** What ONNX Runtime computes for a node. */
export async function runNode(
  opType: string,
  inputs: readonly (PlainTensor | undefined)[],
  attributes: AttributeInputs = {},
  outputs = 1,
  { constants = [], opset = 24 }: RunOptions = {},
): Promise<readonly PlainTensor[]> {
  const builder = graphBuilder(opType);
  const inputNames = inputs.map((tensor, index) => {
    if (tensor !== undefined && constants.includes(index)) return builder.initializer(constantOf(`i${index}`, tensor));
    // Extents are left open, so that it is the kernel that tells the shape.
    const anyShape = tensor?.shape.map(() => null);
    return tensor === undefined ? "" : builder.input(`i${index}`, tensor.dataType, anyShape);
  });
  const outputNames = builder.nodes(opType, inputNames, outputs, attributes, { outputs: names("o", outputs) });
  for (const name of outputNames) builder.output(name);
  const feeds = Object.fromEntries(
    inputs.flatMap((tensor, index) =>
      tensor === undefined || constants.includes(index) ? [] : [[`i${index}`, tensor] as const],
    ),
  );
  const results = await runModel(modelOf(builder.graph(), opset), feeds);
  return outputNames.map((name) => results[name] ?? expect.fail(`no output ${name}`));
}

/** A float32 tensor of zeros. */
export function zeros(...shape: readonly number[]): PlainTensor {
  return filled("float32", shape, 0);
}

/** A tensor of one value. */
export function filled(dataType: DataType, shape: readonly number[], value: number): PlainTensor {
  return { dataType, shape, values: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => value) };
}

function names(prefix: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}

function factsOf(tensor: PlainTensor): Facts {
  return factsOfTensor(constantOf("constant", tensor));
}

function constantOf(name: string, { dataType, shape, values }: PlainTensor): Tensor {
  return numberTensor(name, dataType, shape, values);
}

function symbols({ shape }: PlainTensor, input: number, numbers: Map<string, number>): readonly Extent[] {
  return shape.map((extent, axis) => {
    if (extent === 0) return 0;
    const name = `i${input}_${axis}`;
    numbers.set(name, extent);
    return name;
  });
}

function numberOf(extent: Extent, numbers: ReadonlyMap<string, number>): Extent {
  return symbolsOf(extent).every((name) => numbers.has(name)) ? substitute(extent, numbers) : "unknown";
}

/** The real shape, with "unknown" where inference leaves an extent open. */
function like(
  real: readonly number[] | undefined,
  inferred: readonly Extent[],
  numbers: ReadonlyMap<string, number>,
): readonly Extent[] | undefined {
  return real?.map((extent, axis) => (numberOf(inferred[axis] ?? 0, numbers) === "unknown" ? "unknown" : extent));
}
