import type { Model } from "../../../graph/model.js";
import type { Layer, Parameter } from "../layers.js";
import type { ExporterNaming, FrameworkNames, NamingContext } from "./context.js";
import {
  isRecurrent,
  kernelNameFromBias,
  modulePath,
  parameterName,
  recurrentLayerIndices,
  recurrentNames,
} from "./torch.js";

/**
 * PyTorch's exporter on torch.export (`dynamo=True`). The graph's metadata holds the signature of the exported program,
 * which lists every parameter and buffer; a name that is not in it is not used. Nodes carry the path of their module.
 */
export const torchExport: ExporterNaming = {
  matches: (model) => model.graph.metadata.has(signatureKey),
  isMadeUp: (name) => /^val_\d+$|^_?tensor_constant|^lifted_tensor|^scalar_tensor/.test(name),
  buffers: (model) => new Set(signatureTargets(model, "BUFFER")),
  recover,
};

const signatureKey = "pkg.torch.export.ExportedProgram.graph_signature";
const scopesKey = "pkg.torch.onnx.name_scopes";

function recover({ model, layers, original }: NamingContext): FrameworkNames {
  const targets = signatureTargets(model, "PARAMETER");
  const isTarget = new Set(targets);
  const stored = new Set(model.graph.initializers.map(({ name }) => name));
  const order = new Map(targets.map((name, index) => [name, index]));
  const layerIndices = recurrentLayerIndices(layers, scopeOf);
  const names = new Map<Parameter, readonly string[]>();

  const inModule = (parameter: Parameter, name: string): string | undefined => {
    const scope = scopeOf(parameter);
    const candidate = scope === undefined ? undefined : parameterName(scope, name);
    return candidate !== undefined && isTarget.has(candidate) ? candidate : undefined;
  };

  const nameOf = (layer: Layer, parameter: Parameter): readonly string[] => {
    const own = parameter.tensor.name;
    if (parameter.role === "bias" && isFoldedNormalization(parameter)) return foldedNames(parameter, own);
    if (isTarget.has(own)) return ownName(parameter, own);
    if (isRecurrent(layer)) {
      const scope = scopeOf(parameter);
      const several = scope === undefined ? [] : recurrentNames(scope, parameter, layerIndices.get(layer) ?? 0);
      return several.every((name) => isTarget.has(name)) ? several : [];
    }
    const standardName = standardNames.get(parameter.role);
    if (standardName === undefined || !torchExport.isMadeUp(own)) return [];
    const beside = kernelNameFromBias(layer, ({ tensor }) => tensor.name);
    const candidate =
      parameter.role === "kernel" && beside !== undefined && isTarget.has(beside)
        ? beside
        : inModule(parameter, standardName);
    return candidate === undefined || stored.has(candidate) ? [] : [candidate];
  };

  /** Folding a normalization puts its scale and bias into the bias, and its module into the node's scopes. */
  const foldedNames = (parameter: Parameter, own: string): readonly string[] => {
    const normalization = [inModule(parameter, "weight"), inModule(parameter, "bias")];
    if (normalization.includes(undefined)) return [];
    return [own, ...normalization].flatMap((name) => (name !== undefined && isTarget.has(name) ? [name] : []));
  };

  /** A tied parameter is stored under one of its names; `named_parameters()` prints the one registered first. */
  const ownName = (parameter: Parameter, own: string): readonly string[] => {
    const last = own.slice(own.lastIndexOf(".") + 1);
    const used = inModule(parameter, last);
    const isAlias = used !== undefined && used !== own && !stored.has(used);
    if (isAlias) return [(order.get(used) ?? 0) < (order.get(own) ?? 0) ? used : own];
    // Where a module's weight is tied, its bias may be tied to one that the file no longer shows.
    const isDoubtful =
      parameter.role === "bias" &&
      layers.some(({ parameters }) =>
        parameters.some((kernel) => original.has(kernel) && scopeOf(kernel) === modulePath(own)),
      );
    return isDoubtful ? [] : [own];
  };

  for (const layer of layers) for (const parameter of layer.parameters) names.set(parameter, nameOf(layer, parameter));
  for (const [copy, source] of original) names.set(copy, names.get(source) ?? []);
  return names;
}

const standardNames: ReadonlyMap<string, string> = new Map([
  ["kernel", "weight"],
  ["embedding", "weight"],
  ["norm-scale", "weight"],
  ["norm-bias", "bias"],
  ["bias", "bias"],
]);

/** Lines such as `p_fc1_weight: PARAMETER target='fc1.weight'`. */
function signatureTargets(model: Model, kind: "PARAMETER" | "BUFFER"): readonly string[] {
  const signature = model.graph.metadata.get(signatureKey) ?? "";
  const line = new RegExp(`: ${kind} target=(['"])(.*?)\\1`);
  return signature.split("\n").flatMap((text) => line.exec(text)?.[2] ?? []);
}

function isFoldedNormalization({ operation }: Parameter): boolean {
  return operation.node.metadata.get("pkg.onnxscript.rewriter.rule_name")?.startsWith("FuseBatchNorm") === true;
}

/** The module in which a parameter is applied: `['', 'encoder', 'encoder.fc', 'linear_3']` is in `encoder.fc`. */
function scopeOf({ operation }: Parameter): string | undefined {
  const scopes = operation.node.metadata.get(scopesKey);
  if (scopes === undefined) return undefined;
  return [...scopes.matchAll(/(['"])(.*?)\1/g)].map((match) => match[2] ?? "").at(-2);
}
