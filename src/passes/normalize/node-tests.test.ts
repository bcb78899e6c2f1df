/**
 * The node tests of the onnx package: every operator with every attribute, by those who specify them. They are not part
 * of this project, so this runs only where they are:
 *
 *     python fixtures/onnx/make_node_tests.py /tmp/node-tests
 *     ONNX_NODE_TESTS=/tmp/node-tests npx vitest run src/passes/normalize/node-tests.test.ts
 *
 * Each model comes through the passes of the forward direction and into ONNX Runtime. Skipped, and counted by reason at
 * the end, are tests of what the installed runtime cannot run, before the passes and after them.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { bodiesOf } from "../../graph/bodies.js";
import type { DataType } from "../../graph/data-type.js";
import { Emitter, type Value } from "../../graph/emitter.js";
import { encodeModel } from "../../graph/encode-model.js";
import { InputError } from "../../graph/errors.js";
import type { Model, Node, ValueInfo } from "../../graph/model.js";
import { replay, type Rewrite } from "../../graph/replay.js";
import { factsOfType } from "../../graph/shapes/declared-facts.js";
import { type Extent, substitute, symbol, symbolsOf } from "../../graph/shapes/extent.js";
import type { Facts } from "../../graph/shapes/facts.js";
import { standardModel } from "../../graph/standard-model.js";
import { numberTensor, readNumbers, type Tensor } from "../../graph/tensor.js";
import { decompose } from "../decompose/index.js";
import { inlineFunctions } from "./inline-functions.js";
import { elementsOf, isClose, readNodeTest, requireFed, runTensors, Unsupported } from "./testing/node-test.js";
import { computedType, toFloat32 } from "./to-float32.js";
import { upgradeOpset } from "./upgrade-opset.js";

const folder = process.env["ONNX_NODE_TESTS"];
const names = folder === undefined ? [] : readdirSync(folder).filter((name) => name.startsWith("test_"));

/** How a test's model comes through the passes. */
interface Variant {
  readonly rewrite: Rewrite;
  /** What is known of the inputs: what the file declares, their ranks alone, or their values. */
  readonly inputs: "declared" | "symbolic" | "constant";
  /** Whether tests in half precision, and these alone, are computed in float32. */
  readonly isWidened?: boolean;
}

const variants: readonly (readonly [string, Variant])[] = [
  ["replayed", { rewrite: () => undefined, inputs: "declared" }],
  ["replayed with symbolic extents", { rewrite: () => undefined, inputs: "symbolic" }],
  ["replayed with constant inputs", { rewrite: () => undefined, inputs: "constant" }],
  ["decomposed", { rewrite: decompose, inputs: "declared" }],
  ["decomposed with symbolic extents", { rewrite: decompose, inputs: "symbolic" }],
  ["in float32", { rewrite: () => undefined, inputs: "declared", isWidened: true }],
];

/** The newest that the runtime reads. */
const newestIrVersion = 13;

const skipped = new Map<string, number>();

describe.skipIf(folder === undefined).each(variants)("node tests of the onnx package, %s", (_, variant) => {
  test.for(names)("%s", async (name, context) => {
    const skip = (reason: string): never => {
      skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
      return context.skip(reason);
    };
    try {
      await expectSameResults(name, variant, skip);
    } catch (error) {
      if (error instanceof Unsupported) skip(error.message);
      throw error;
    }
  });

  afterAll(() => {
    const counts = [...skipped].toSorted(([, a], [, b]) => b - a).map(([reason, count]) => `${count} ${reason}`);
    if (counts.length > 0) process.stderr.write(`skipped:\n  ${counts.join("\n  ")}\n`);
    skipped.clear();
  });
});

async function expectSameResults(name: string, variant: Variant, skip: (reason: string) => never): Promise<void> {
  const { model, inputs, outputs } = readNodeTest(join(folder ?? "", name));
  if ((model.opsetImports.get("") ?? 7) < 7) skip("older than opset 7");
  const original = await attempt(() => runOriginal(model, inputs, variant));
  const rewritten = await attempt(() => Promise.resolve(rewrittenTest(model, inputs, variant)));
  if (rewritten instanceof InputError && original instanceof Error) skip("cannot be run, and is refused");
  const isOpen = variant.inputs === "symbolic" && variant.rewrite === decompose;
  if (rewritten instanceof InputError && isOpen) skip("a decomposition wants extents declared");
  if (rewritten instanceof Error) throw rewritten;
  const isSizesOpen = variant.inputs === "symbolic" && inputs.some((input) => input.name === "sizes");
  if (isSizesOpen) skip("the runtime wants the length of a Resize's sizes declared");
  requireFed(rewritten.model.graph);
  const results = await attempt(() => runTensors(encodeModel(rewritten.model), rewritten.feeds));
  if (results instanceof Error && original instanceof Error) skip("cannot be run, before and after");
  if (results instanceof Error) throw results;

  const isRandom = nodesOf(model).some(({ opType }) => /^(Random|Bernoulli|Multinomial|Dropout)/.test(opType));
  expect(results.length).toBe(outputs.length);
  for (const [index, expected] of outputs.entries()) {
    const result = results[index] ?? expect.fail();
    const { dataType, shape } = expected;
    const computed = variant.isWidened === true ? computedType(dataType) : dataType;
    expect({ dataType: result.dataType, shape: result.shape }).toEqual({ dataType: computed, shape });
    const ofRuntime = original instanceof Error ? undefined : original[index];
    const tolerance = computed === dataType ? undefined : halfUnits[dataType];
    // Where the runtime's own results are others than the specification's, these are what can be had.
    const isSame =
      isClose(result, expected, tolerance) || (ofRuntime !== undefined && isClose(result, ofRuntime, tolerance));
    if (!isSame && !isRandom) expect(elementsOf(result)).toEqual(elementsOf(expected));
    expectFacts(rewritten.facts[index], result, rewritten.numbers, isRandom);
  }
}

/** What half precision rounds off, a few times. */
const halfUnits: Readonly<Partial<Record<DataType, number>>> = { float16: 2 ** -9, bfloat16: 2 ** -6 };

/** What the runtime makes of the test as it is. */
async function runOriginal(model: Model, inputs: readonly Tensor[], { isWidened = false }: Variant) {
  try {
    requireFed(model.graph);
  } catch (error) {
    // In float32 it may be fed.
    throw isWidened ? new Error("cannot be fed") : error;
  }
  return runTensors(encodeModel({ ...model, irVersion: Math.min(model.irVersion, newestIrVersion) }), inputs);
}

/** What is inferred must hold. */
function expectFacts(
  facts: Facts | undefined,
  result: Tensor,
  numbers: ReadonlyMap<string, number>,
  isRandom: boolean,
): void {
  expect(facts?.dataType).toBe(result.dataType);
  const shape = facts?.shape?.map((extent) => numberOf(extent, numbers));
  expect(shape?.map((extent, axis) => extent ?? result.shape[axis]) ?? result.shape).toEqual(result.shape);
  const elements = facts?.elements?.map((element) => (element === null ? undefined : numberOf(element, numbers)));
  if (elements === undefined || isRandom) return;
  // -0 is 0.
  const real = elementsOf(result).map((element) => (typeof element === "number" ? element + 0 : element));
  expect(elements.map((element, index) => element ?? real[index])).toEqual(real);
}

function nodesOf({ graph, functions }: Model): readonly Node[] {
  const all = (nodes: readonly Node[]): readonly Node[] =>
    nodes.flatMap((node) => [node, ...bodiesOf(node).flatMap((body) => all(body.nodes))]);
  return all([...graph.nodes, ...functions.flatMap(({ nodes }) => nodes)]);
}

async function attempt<Result>(run: () => Promise<Result>): Promise<Result | Error> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof Unsupported || !(error instanceof Error)) throw error;
    return error;
  }
}

function rewrittenTest(given: Model, tensors: readonly Tensor[], { rewrite, inputs, isWidened = false }: Variant) {
  const upgraded = inlineFunctions(upgradeOpset(given));
  const normalized = isWidened ? toFloat32(upgraded) : upgraded;
  if (isWidened && normalized === upgraded) throw new Unsupported("no half precision");
  const { graph, opsetImports } = normalized;
  const emitter = new Emitter();
  const numbers = new Map<string, number>();
  const values = new Map(
    graph.inputs.map((info): [string, Value] => {
      const tensor = tensors.find(({ name }) => name === info.name);
      if (inputs === "constant" && tensor !== undefined) return [info.name, emitter.initializer(tensor)];
      const facts =
        inputs === "symbolic" && tensor !== undefined ? symbolicFacts(tensor, numbers) : declaredFacts(info);
      return [info.name, emitter.input(info.name, facts)];
    }),
  );
  const initializer = (tensor: Tensor, inner: Emitter) => inner.initializer(tensor);
  const results = replay(graph, emitter, values, { rewrite, initializer });
  const outputs = graph.outputs.map(({ name }) => ({ name, value: results.get(name) ?? expect.fail(name) }));
  const standard = standardModel(emitter.graph(graph.name, outputs), given.label);
  const others = [...opsetImports].filter(([domain]) => domain !== "");
  return {
    model: { ...standard, opsetImports: new Map([...standard.opsetImports, ...others]) },
    facts: outputs.map(({ value }): Facts => value),
    numbers,
    feeds: inputs === "constant" ? [] : tensors.map((tensor) => (isWidened ? widened(tensor) : tensor)),
  };
}

function widened(tensor: Tensor): Tensor {
  const { name, dataType, shape } = tensor;
  if (dataType === computedType(dataType)) return tensor;
  return numberTensor(name, "float32", shape, readNumbers(tensor) ?? expect.fail());
}

function declaredFacts({ name, type }: ValueInfo): Facts {
  return factsOfType(type, (axis) => symbol(`${name}_dim${axis}`));
}

/** Every extent but 0 as a symbol, for which `numbers` gets the number. */
function symbolicFacts({ name, dataType, shape }: Tensor, numbers: Map<string, number>): Facts {
  const extents = shape.map((extent, axis) => {
    if (extent === 0) return 0;
    const text = symbol(`${name}_${axis}`);
    numbers.set(text, extent);
    return text;
  });
  return { dataType, shape: extents };
}

function numberOf(extent: Extent, numbers: ReadonlyMap<string, number>): Extent | undefined {
  return symbolsOf(extent).every((text) => numbers.has(text)) ? substitute(extent, numbers) : undefined;
}
