import type { Model } from "../../../graph/model.js";
import { isRecurrent, type Layer, type Parameter } from "../layers.js";
import { type Exporter, type FrameworkNames, type NamingContext, parametersOf } from "./exporter.js";
import { kernelNameFromBias, modulePath, parameterName, recurrentLayerIndices, recurrentNames } from "./torch.js";

/**
 * PyTorch's exporter on torch.export (`dynamo=True`). The graph's metadata holds the signature of the exported program,
 * which lists every parameter and buffer; a name that is not in it is not used. Nodes carry the path of their module.
 */
export const torchExport: Exporter = (model) => {
  if (!model.graph.metadata.has(signatureKey)) return undefined;
  const parameters = signatureTargets(model, "PARAMETER");
  const buffers = new Set(signatureTargets(model, "BUFFER"));
  const known = new Set([...parameters, ...buffers]);
  return {
    isMadeUp: (name) => !known.has(name),
    listed: parameters,
    buffers,
    recover: (context) => recover(context, parameters),
  };
};

const signatureKey = "pkg.torch.export.ExportedProgram.graph_signature";
const scopesKey = "pkg.torch.onnx.name_scopes";

function recover({ model, layers, original }: NamingContext, targets: readonly string[]): FrameworkNames {
  const isTarget = new Set(targets);
  const stored = new Set(model.graph.initializers.map(({ name }) => name));
  const order = new Map(targets.map((name, index) => [name, index]));
  const layerIndices = recurrentLayerIndices(layers, scopeOf);

  const inModule = (parameter: Parameter, name: string): string | undefined => {
    const scope = scopeOf(parameter);
    const candidate = scope === undefined ? undefined : parameterName(scope, name);
    return candidate !== undefined && isTarget.has(candidate) ? candidate : undefined;
  };

  const nameOf = (layer: Layer, parameter: Parameter): readonly string[] => {
    const own = parameter.tensor.name;
    if (parameter.role === "bias" && isFoldedNormalization(parameter)) return foldedNames(parameter, own);
    if (isTarget.has(own)) return [firstOf(own, inModule(parameter, leafOf(own)))];
    if (isRecurrent(layer)) {
      const scope = scopeOf(parameter);
      const several = scope === undefined ? [] : recurrentNames(scope, parameter, layerIndices.get(layer) ?? 0);
      return several.every((name) => isTarget.has(name)) ? several : [];
    }
    const standardName = standardNames.get(parameter.role);
    if (standardName === undefined) return [];
    const beside = kernelNameFromBias(layer, ({ tensor }) => tensor.name);
    const isBeside = parameter.role === "kernel" && beside !== undefined && isTarget.has(beside);
    const candidate = isBeside ? beside : inModule(parameter, standardName);
    return candidate === undefined || stored.has(candidate) ? [] : [candidate];
  };

  /** A tied parameter is stored under one of its names; `named_parameters()` prints the one registered first. */
  const firstOf = (own: string, used: string | undefined): string => {
    const isAlias = used !== undefined && !stored.has(used);
    return isAlias && (order.get(used) ?? 0) < (order.get(own) ?? 0) ? used : own;
  };

  /** Folding a normalization puts its scale and bias into the bias, and its module into the node's scopes. */
  const foldedNames = (parameter: Parameter, own: string): readonly string[] => {
    const normalization = [inModule(parameter, "weight"), inModule(parameter, "bias")];
    if (normalization.includes(undefined)) return [];
    return [own, ...normalization].flatMap((name) => (name !== undefined && isTarget.has(name) ? [name] : []));
  };

  const names = new Map<Parameter, readonly string[]>();
  for (const { layer, parameter } of parametersOf(layers)) names.set(parameter, nameOf(layer, parameter));
  for (const [copy, source] of original) names.set(copy, names.get(source) ?? []);

  // Where weights are shared, the file may show neither the name registered first nor the module that it belongs to: an
  // embedding, or a bias beside a tied weight, may be any earlier parameter of the same kind that nothing else is.
  const candidates = new Map<Parameter, readonly string[]>();
  const claimed = new Set([...names.values()].flat());
  const tiedModules = new Set([...original.keys()].map(scopeOf));
  for (const { parameter } of parametersOf(layers)) {
    const own = names.get(parameter)?.[0];
    if (own === undefined || original.has(parameter)) continue;
    const mayBeShared =
      parameter.role === "embedding" || (parameter.role === "bias" && tiedModules.has(modulePath(own)));
    if (!mayBeShared) continue;
    const earlier = targets
      .slice(0, order.get(own))
      .filter((name) => !claimed.has(name) && leafOf(name) === leafOf(own));
    if (earlier.length === 0) continue;
    names.set(parameter, []);
    candidates.set(parameter, [...earlier, own]);
  }
  return { of: names, candidatesOf: candidates };
}

function leafOf(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
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
