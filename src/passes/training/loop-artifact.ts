import { renamedNode } from "../../graph/bodies.js";
import { Emitter } from "../../graph/emitter.js";
import { InputError } from "../../graph/errors.js";
import type { Graph } from "../../graph/model.js";
import { Operators } from "../../graph/operators.js";
import type { Shape } from "../../graph/shapes/extent.js";
import { type Facts, tensorFacts } from "../../graph/shapes/facts.js";
import { type Artifact, artifactOf, type Port, portKey, replayed } from "./artifact.js";
import { type ContractTensor, isTensorType, type TensorRole } from "./contract.js";

/** What has no axis of steps: the state, which each step hands to the next one, and the scales. */
const sameForAllSteps: ReadonlySet<TensorRole> = new Set([
  "parameter",
  "buffer",
  "moment1",
  "moment2",
  "moment2max",
  "average",
  "scale",
]);

/**
 * `step` as often as there are batches: features, targets, seeds and the numbers of each step have an axis of steps in
 * front; scales are the same in all of them. Gives the loss of each step and the state after the last. (ONNX Loop)
 * @throws InputError for features that are no tensors, which cannot be stacked
 */
export function loopArtifact(step: Artifact): Artifact {
  const emitter = Emitter.into(step.graph);
  const g = new Operators(emitter);
  const steps = unusedSymbol("steps", step);
  const withSteps = (shape: Shape | undefined) => shape && [steps, ...shape];
  const ports = step.contract.inputs.map((tensor): Port => {
    const { name, role, of } = tensor;
    const { dataType, shape } = factsOf(tensor);
    const outer = sameForAllSteps.has(role) ? shape : withSteps(shape);
    return { name, role, of, value: emitter.input(name, tensorFacts(dataType, outer)) };
  });
  const outputs = new Map(step.contract.outputs.map((tensor) => [portKey(tensor), tensor]));
  const carried = ports.flatMap((port) => {
    const output = outputs.get(portKey(port));
    return output === undefined ? [] : [{ port, output }];
  });
  const isCarried = new Set(carried.map(({ port }) => port));
  const stacked = ports.filter(({ role }) => !sameForAllSteps.has(role));
  // All that a step gives and does not take again.
  const losses = step.contract.outputs.filter((output) => !carried.some((state) => state.output === output));

  const bodyInputs = [
    { name: "iteration", facts: tensorFacts("int64", []) },
    { name: "condition", facts: tensorFacts("bool", []) },
    ...carried.map(({ port }) => ({
      name: `step/${port.name}`,
      facts: tensorFacts(port.value.dataType, port.value.shape),
    })),
  ];
  // Inside, outputs have other names: those of the step are the loop's own.
  const inside = new Map(step.graph.outputs.map(({ name }) => [name, emitter.uniqueName(`step/${name}`)]));
  const body = g.body("step", bodyInputs, (inner, [iteration, condition, ...states]) => {
    if (iteration === undefined || condition === undefined) throw new Error("a body has an iteration and a condition");
    const values = new Map([
      ...ports.flatMap((port) => (isCarried.has(port) ? [] : [[port.name, port.value] as const])),
      ...stacked.map(({ name, value }) => [name, inner.gather(value, iteration, 0)] as const),
      ...carried.flatMap(({ port }, index) => {
        const state = states[index];
        return state === undefined ? [] : [[port.name, state] as const];
      }),
    ]);
    const computed = replayed(withRenamedOutputs(step.graph, inside), inner.emitter, values);
    const valueOf = ({ name }: ContractTensor) => {
      const value = computed.get(inside.get(name) ?? name);
      if (value === undefined) throw new Error(`the step does not give "${name}"`);
      return value;
    };
    return [inner.op("Identity", [condition]), ...carried.map(({ output }) => valueOf(output)), ...losses.map(valueOf)];
  });
  const results = emitter.emit({
    opType: "Loop",
    inputs: [g.squeeze(g.extent(steps), [0]), undefined, ...carried.map(({ port }) => port.value)],
    attributes: { body: body.graph },
    outputs: body.outputs.length - 1,
    bodies: new Map([["body", body.outputs]]),
    name: "steps",
  });
  const tensors = [...carried.map(({ output }) => output), ...losses];
  const made = tensors.flatMap(({ name, role, of }, index): Port[] => {
    const value = results[index];
    if (value === undefined) return [];
    const isStacked = index >= carried.length;
    return [{ name, role, of, value: isStacked ? { ...value, shape: withSteps(value.shape?.slice(1)) } : value }];
  });
  // In the order of the step: the loss first.
  const order = new Map(step.contract.outputs.map(({ name }, index) => [name, index]));
  const sorted = made.toSorted((a, b) => (order.get(a.name) ?? 0) - (order.get(b.name) ?? 0));
  return artifactOf("loop", emitter, ports, sorted);
}

/** A name for an extent that the artifact does not have yet. */
function unusedSymbol(wanted: string, step: Artifact): string {
  const used = JSON.stringify(step.contract.inputs.map(({ shape }) => shape));
  return used.includes(wanted) ? unusedSymbol(`${wanted}_of_call`, step) : wanted;
}

function factsOf({ name, dtype, shape }: ContractTensor): Facts {
  if (!isTensorType(dtype)) {
    throw new InputError(
      `feature "${name}"`,
      `is a ${dtype}, which cannot be stacked for a loop`,
      "leave loop out of --emit",
    );
  }
  return tensorFacts(dtype, shape ?? undefined);
}

function withRenamedOutputs(graph: Graph, renames: ReadonlyMap<string, string>): Graph {
  return {
    ...graph,
    nodes: graph.nodes.map((node) => renamedNode(node, renames)),
    outputs: graph.outputs.map((output) => ({ ...output, name: renames.get(output.name) ?? output.name })),
  };
}
