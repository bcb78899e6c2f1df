import { bodiesOf } from "../../graph/bodies.js";
import type { Emitter, Value } from "../../graph/emitter.js";
import { InputError } from "../../graph/errors.js";
import { describeNode, type Graph, operatorName, type ValueType } from "../../graph/model.js";
import { isStandard } from "../../graph/standard-model.js";
import { replay } from "../../graph/replay.js";
import type { ArtifactName, ContractArtifact, ContractTensor, TensorRole } from "./contract.js";
import type { Forward } from "./forward.js";
import type { EmittedLoss } from "./losses.js";

/** A training graph with its part of the contract. */
export interface Artifact {
  readonly name: ArtifactName;
  readonly graph: Graph;
  readonly contract: ContractArtifact;
}

/** A value with its place in the contract. */
export interface Port {
  readonly name: string;
  readonly role: TensorRole;
  readonly value: Value;
  readonly of?: string | undefined;
}

/** What an artifact is fed with; parameters that are not among `parameters` are left out. */
export function inputPorts(forward: Forward, loss: EmittedLoss, parameters: ReadonlySet<string>): readonly Port[] {
  const { features, buffers, seed } = forward;
  return [
    ...features.map((value): Port => ({ name: value.name, role: "feature", value })),
    ...loss.targets.map((value): Port => ({ name: value.name, role: "target", value })),
    ...[...forward.parameters].flatMap(([name, value]): Port[] =>
      parameters.has(name) ? [{ name: value.name, role: "parameter", value, of: name }] : [],
    ),
    ...buffers.map(({ name, value }): Port => ({ name: value.name, role: "buffer", value, of: name })),
    ...(seed === undefined ? [] : [{ name: seed.name, role: "seed" as const, value: seed }]),
  ];
}

/** The graph of an artifact, its inputs in the order of the contract. */
export function artifactOf(
  name: ArtifactName,
  emitter: Emitter,
  inputs: readonly Port[],
  outputs: readonly Port[],
): Artifact {
  const built = emitter.graph(name, outputs);
  const declared = new Map(built.inputs.map((info) => [info.name, info]));
  const graph = {
    ...built,
    inputs: inputs.map((port) => declared.get(port.name) ?? { name: port.name }),
  };
  refuseOtherDomains(graph);
  const named = outputs.map((port, index) => ({ ...port, name: graph.outputs[index]?.name ?? port.name }));
  return {
    name,
    graph,
    contract: { file: `${name}.onnx`, inputs: inputs.map(contractTensor), outputs: named.map(contractTensor) },
  };
}

/** What tells the tensors of a contract apart, whatever they are called. */
export function portKey({ role, of }: Pick<Port, "role" | "of">): string {
  return JSON.stringify([role, of ?? null]);
}

/** The tensors of a contract with the values that they are. */
export function portsOf(tensors: readonly ContractTensor[], values: ReadonlyMap<string, Value>): readonly Port[] {
  return tensors.flatMap(({ name, role, of }): Port[] => {
    const value = values.get(name);
    return value === undefined ? [] : [{ name, role, of, value }];
  });
}

/** The values of an artifact's graph in another graph. */
export function replayed(
  graph: Graph,
  emitter: Emitter,
  inputs: ReadonlyMap<string, Value>,
): ReadonlyMap<string, Value> {
  return replay(graph, emitter, inputs, {
    initializer: (tensor, inner) => inner.constant(tensor),
    rewrite: () => undefined,
  });
}

function contractTensor({ name, role, value, of }: Port): ContractTensor {
  const { dataType, shape = null, container } = value;
  return { name, role, ...(of === undefined ? {} : { of }), dtype: container ? typeName(container) : dataType, shape };
}

function typeName(type: ValueType): ContractTensor["dtype"] {
  switch (type.kind) {
    case "tensor":
      return type.dataType;
    case "sparse-tensor":
      return `${type.kind}(${type.dataType})`;
    case "sequence":
    case "optional":
      return `${type.kind}(${type.element === undefined ? "" : typeName(type.element)})`;
    case "map":
      return `${type.kind}(${type.key}, ${type.value === undefined ? "" : typeName(type.value)})`;
    case "opaque":
      return `${type.kind}(${type.domain}.${type.name})`;
  }
}

function refuseOtherDomains(graph: Graph): void {
  for (const node of graph.nodes) {
    if (!isStandard(node)) {
      throw new InputError(
        describeNode(node),
        `the operator ${operatorName(node)} cannot be written in standard ones`,
        "export the model without it",
      );
    }
    for (const body of bodiesOf(node)) refuseOtherDomains(body);
  }
}
