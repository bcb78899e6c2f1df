import type { Dataflow } from "../../../graph/dataflow.js";
import type { Layer } from "../layers.js";
import { type ExporterNaming, type FrameworkNames, parametersOf } from "./exporter.js";

/** Parameters that the framework had and the file has not, where the file lists what there was. */
export interface AbsentParameters {
  /** Names that no tensor of the file goes by, in the order of the list. */
  readonly names: readonly string[];
  /** How many of those have no tensor: a tensor whose name is not known may be any of them. */
  readonly count: number;
}

/**
 * Compares the listed parameters with the file. Exporters merge parameters that are equal when they export, such as the
 * scales of normalizations that were not trained yet, and then train them as one. Tied parameters are listed once.
 */
export function absentParameters(
  { listed = [] }: ExporterNaming,
  { initializers }: Dataflow,
  layers: readonly Layer[],
  { of: namesOf, candidatesOf }: FrameworkNames,
): AbsentParameters {
  const present = new Set([
    ...initializers.map(({ name }) => name),
    ...[...namesOf.values(), ...candidatesOf.values()].flat(),
  ]);
  const names = listed.filter((name) => !present.has(name));
  const unnamed = parametersOf(layers).filter(
    ({ parameter }) => (namesOf.get(parameter) ?? []).length === 0 && !candidatesOf.has(parameter),
  );
  return { names, count: Math.max(names.length - unnamed.length, 0) };
}
