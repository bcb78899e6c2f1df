import type { Model } from "../../../graph/model.js";
import {
  type Exporter,
  type ExporterNaming,
  type FrameworkNames,
  type NamingContext,
  parametersOf,
} from "./exporter.js";
import { tf2onnx } from "./tf2onnx.js";
import { torchExport } from "./torch-export.js";
import { torchScript } from "./torchscript.js";

/** Any other program: names that look like those of a PyTorch module are what they look like. */
const unknownExporter: ExporterNaming = {
  isMadeUp: () => false,
  listed: undefined,
  buffers: new Set(),
  recover: ({ layers }) => ({
    of: new Map(
      parametersOf(layers).map(({ parameter }) => {
        const { name } = parameter.tensor;
        return [parameter, /^[A-Za-z_]\w*(\.\w+)*\.(weight|bias)$/.test(name) ? [name] : []];
      }),
    ),
    candidatesOf: new Map(),
  }),
};

/** Exporters in the order in which they are tried. */
const exporters: readonly Exporter[] = [torchExport, torchScript, tf2onnx];

/** The naming of the exporter that wrote a model. */
export function exporterNaming(model: Model): ExporterNaming {
  for (const exporter of exporters) {
    const naming = exporter(model);
    if (naming !== undefined) return naming;
  }
  return unknownExporter;
}

/** Recovers names, and takes back those that are not unique: a name stands for one tensor or for its copies. */
export function recoverNames(naming: ExporterNaming, context: NamingContext): FrameworkNames {
  const { of: names, candidatesOf } = naming.recover(context);
  const owners = new Map<string, Set<unknown>>();
  for (const [parameter, ownNames] of names) {
    const owner = context.original.get(parameter) ?? parameter;
    for (const name of ownNames) owners.set(name, (owners.get(name) ?? new Set()).add(owner));
  }
  const unique = [...names].map(([parameter, ownNames]) => {
    const isUnique = ownNames.every((name) => owners.get(name)?.size === 1);
    return [parameter, isUnique || !naming.isMadeUp(parameter.tensor.name) ? ownNames : []] as const;
  });
  return { of: new Map(unique), candidatesOf };
}
