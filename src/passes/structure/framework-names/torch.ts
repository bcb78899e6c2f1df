import { isRecurrent, type Layer, type Parameter } from "../layers.js";

/**
 * A kernel's name from its bias, which exporters leave alone: `fc.bias` stands beside `fc.weight`, `in_proj_bias` beside
 * `in_proj_weight`.
 */
export function kernelNameFromBias(
  layer: Layer,
  biasName: (parameter: Parameter) => string | undefined,
): string | undefined {
  for (const parameter of layer.parameters) {
    if (parameter.role !== "bias") continue;
    const name = biasName(parameter);
    if (name !== undefined && /(^|[._])bias$/.test(name)) return name.replace(/bias$/, "weight");
  }
  return undefined;
}

/** The module path of a parameter name: all before its last dot. */
export function modulePath(name: string): string {
  return name.slice(0, Math.max(name.lastIndexOf("."), 0));
}

/** A module's parameter. The top module has no path. */
export function parameterName(module: string, parameter: string): string {
  return module === "" ? parameter : `${module}.${parameter}`;
}

/**
 * What torch.nn.LSTM, GRU and RNN call the tensors that ONNX stacks: both directions into W and R, and the two biases of
 * each direction into B.
 */
export function recurrentNames(module: string, parameter: Parameter, layerIndex: number): readonly string[] {
  const kinds = new Map([
    [1, ["weight_ih"]],
    [2, ["weight_hh"]],
    [3, ["bias_ih", "bias_hh"]],
  ]).get(parameter.input);
  const directions = parameter.tensor.shape[0] === 2 ? ["", "_reverse"] : [""];
  return directions.flatMap((direction) =>
    (kinds ?? []).map((kind) => parameterName(module, `${kind}_l${layerIndex}${direction}`)),
  );
}

/** torch.nn.LSTM writes one node for each stacked layer: counts them by module, in the order of the model. */
export function recurrentLayerIndices(
  layers: readonly Layer[],
  moduleOf: (parameter: Parameter) => string | undefined,
): ReadonlyMap<Layer, number> {
  const seen = new Map<string, number>();
  const indices = new Map<Layer, number>();
  for (const layer of layers) {
    const [parameter] = layer.parameters;
    if (parameter === undefined || !isRecurrent(layer)) continue;
    const module = moduleOf(parameter) ?? "";
    const index = seen.get(module) ?? 0;
    seen.set(module, index + 1);
    indices.set(layer, index);
  }
  return indices;
}
