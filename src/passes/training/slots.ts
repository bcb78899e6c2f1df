import { elementCount } from "../../graph/tensor.js";
import { UniqueNames } from "../../graph/unique-names.js";
import type { ContractPack, PackMember } from "./contract.js";
import type { UpdatedParameter } from "./update-artifact.js";

/** A parameter in a slot. */
export interface Member extends PackMember {
  readonly elements: number;
}

/** What training graphs take as one tensor: a parameter, or several small ones in a row. */
export interface Slot extends UpdatedParameter {
  readonly dataType: ContractPack["dtype"];
  readonly elements: number;
  readonly members: readonly Member[];
}

/** Parameters with fewer elements are packed: to copy them costs less than to hand over one tensor more. */
const MOST_PACKED_ELEMENTS = 2 ** 16;

/**
 * Puts parameters into slots. What is treated differently, by type or by weight decay, is in different slots; a slot of
 * several has a scale for each element.
 * @param canPack whether parameters may share one
 */
export function slotsOf(parameters: readonly UpdatedParameter[], canPack: boolean): readonly Slot[] {
  const groups = new Map<string, UpdatedParameter[]>();
  for (const parameter of parameters) {
    const { name, dataType, shape, decays } = parameter;
    const isPacked = canPack && elementCount(shape) < MOST_PACKED_ELEMENTS;
    const key = JSON.stringify(isPacked ? [dataType, decays] : [name]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [parameter]);
    else group.push(parameter);
  }
  const names = new UniqueNames(parameters.map(({ name }) => name));
  return [...groups.values()].map((group) => slotOf(group, names));
}

/** The packs among slots. */
export function packsOf(slots: readonly Slot[]): readonly ContractPack[] {
  return slots.flatMap(({ name, dataType, members }) =>
    members.length === 1
      ? []
      : [
          {
            name,
            dtype: dataType,
            members: members.map(({ name: of, offset, shape }) => ({ name: of, offset, shape })),
          },
        ],
  );
}

function slotOf(group: readonly UpdatedParameter[], names: UniqueNames): Slot {
  const [first] = group;
  if (first === undefined) throw new Error("a slot has a parameter");
  let offset = 0;
  const members = group.map(({ name, shape }): Member => {
    const elements = elementCount(shape);
    const member = { name, offset, shape, elements };
    offset += elements;
    return member;
  });
  const dataType = first.dataType === "float64" ? first.dataType : "float32";
  if (members.length === 1) return { ...first, dataType, elements: offset, members };
  const shape = [offset];
  return {
    name: names.next("parameters"),
    dataType,
    shape,
    scaleShape: first.scaleShape && shape,
    decays: first.decays,
    elements: offset,
    members,
  };
}
