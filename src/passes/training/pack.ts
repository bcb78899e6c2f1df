import { Emitter, type Value } from "../../graph/emitter.js";
import { Operators } from "../../graph/operators.js";
import { declaredInputs } from "../../graph/replay.js";
import { tensorFacts } from "../../graph/shapes/facts.js";
import { elementCount } from "../../graph/tensor.js";
import { type Artifact, artifactOf, type Port, replayed } from "./artifact.js";
import type { ContractPack, ContractTensor } from "./contract.js";

/**
 * An artifact whose parameters, and their gradients, are packed: a call costs time for each tensor, which for small ones
 * is more than their arithmetic. Parameters that are in no pack stay themselves.
 */
export function packed(artifact: Artifact, packs: readonly ContractPack[]): Artifact {
  if (packs.length === 0) return artifact;
  const emitter = Emitter.into(artifact.graph);
  const g = new Operators(emitter);
  const packOf = new Map(packs.flatMap((pack) => pack.members.map(({ name }) => [name, pack] as const)));
  const tensors = new Map(
    packs.map((pack) => [pack, emitter.newInput(pack.name, tensorFacts(pack.dtype, [sizeOf(pack)]))] as const),
  );
  const parts = new Map([...tensors].flatMap(([pack, tensor]) => partsOf(g, pack, tensor)));

  const partOf = ({ role, of }: ContractTensor) => (role === "parameter" ? parts.get(of ?? "") : undefined);
  const { contract, graph } = artifact;
  const packedInputs = new Map(
    contract.inputs.flatMap((tensor) => {
      const part = partOf(tensor);
      return part === undefined ? [] : [[tensor.name, part] as const];
    }),
  );
  const others = graph.inputs.filter(({ name }) => !packedInputs.has(name));
  const inputs = declaredInputs({ ...graph, inputs: others }, emitter);
  const values = replayed(graph, emitter, new Map([...inputs, ...packedInputs]));

  const flatGradients = new Map(
    contract.outputs.flatMap(({ name, role, of }) => {
      const value = role === "gradient" ? values.get(name) : undefined;
      return value === undefined || of === undefined ? [] : [[of, () => g.reshape(value, [-1])] as const];
    }),
  );
  const gradientOf = ({ members }: ContractPack) =>
    g.concat(
      members.flatMap(({ name }) => flatGradients.get(name)?.() ?? []),
      0,
    );
  /** Those of a pack are where its first member was. */
  const ports = (all: readonly ContractTensor[], packPort: (pack: ContractPack) => Port | undefined) => {
    const seen = new Set<ContractPack>();
    return all.flatMap((tensor): readonly Port[] => {
      const { name, role, of } = tensor;
      const pack = role === "parameter" || role === "gradient" ? packOf.get(of ?? "") : undefined;
      const value = values.get(name);
      if (pack === undefined) return value === undefined ? [] : [{ name, role, of, value }];
      const port = seen.has(pack) ? undefined : packPort(pack);
      seen.add(pack);
      return port === undefined ? [] : [port];
    });
  };
  return artifactOf(
    artifact.name,
    emitter,
    ports(contract.inputs, (pack) => {
      const value = tensors.get(pack);
      return value && { name: value.name, role: "parameter", of: pack.name, value };
    }),
    ports(contract.outputs, (pack) => ({
      name: `${pack.name}.grad`,
      role: "gradient",
      of: pack.name,
      value: gradientOf(pack),
    })),
  );
}

/** The members of a pack, in their shapes. */
function partsOf(g: Operators, { members }: ContractPack, tensor: Value): readonly (readonly [string, Value])[] {
  const sizes = members.map(({ shape }) => elementCount(shape));
  const parts = g.ops("Split", [tensor, g.integers(sizes)], sizes.length, { axis: 0 });
  return members.flatMap(({ name, shape }, index) => {
    const part = parts[index];
    return part === undefined ? [] : [[name, g.reshape(part, shape)] as const];
  });
}

function sizeOf({ members }: ContractPack): number {
  return members.reduce((sum, { shape }) => sum + elementCount(shape), 0);
}
