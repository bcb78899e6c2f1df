import type { Layer, Parameter } from "../layers.js";
import type { Exporter, FrameworkNames, NamingContext } from "./exporter.js";

/**
 * tf2onnx, which writes Keras models (`model.export(format="onnx")`, `tf2onnx.convert.from_keras`). Names of nodes and
 * initializers begin with the name scopes of the layers, from which `variable.path` follows. Keras 3 traces a model a
 * second time to export it, so that every scope has a number added: `sequential_1/conv2d_1_2/...` is
 * `sequential/conv2d_1`. Keras 2 (tf_keras) writes scopes as they are.
 */
export const tf2onnx: Exporter = ({ producerName }) =>
  producerName === "tf2onnx" ? { isMadeUp, listed: undefined, buffers: new Set(), recover } : undefined;

function isMadeUp(name: string): boolean {
  return /^const_fold_opt__|^[A-Z]\d*__\d+$/.test(name);
}

function recover({ layers, dataflow }: NamingContext): FrameworkNames {
  const nodeNames = dataflow.operations.map(({ node }) => node.name);
  const isKeras3 = nodeNames.filter((name) => name.includes("/")).every((name) => /^[^/]*_\d+\//.test(name));
  const names = new Map<Parameter, readonly string[]>();
  const candidates = new Map<Parameter, readonly string[]>();
  for (const layer of layers) {
    const scope = layer.parameters
      .map((parameter) => scopeOf(parameter, isKeras3))
      .find((found) => found !== undefined);
    for (const parameter of layer.parameters) {
      // A normalization has a scope of its own, beside that of the kernel whose output it normalizes.
      const isNormalization = parameter.role === "norm-scale" || parameter.role === "norm-bias";
      const own = scopeOf(parameter, isKeras3) ?? (isNormalization ? undefined : scope);
      // A recurrent cell that was written out as a loop has two kernels, and only their order differs.
      const isCell = own?.at(-1)?.endsWith("_cell") === true;
      const variable = isCell ? undefined : kerasVariableName(layer, parameter);
      const found = own === undefined || variable === undefined ? [] : paths(own, variable, isKeras3);
      names.set(parameter, found.length === 1 ? found : []);
      if (found.length > 1) candidates.set(parameter, found);
    }
  }
  return { of: names, candidatesOf: candidates };
}

const numberedScope = /_\d+$/;

/** The scopes of the layer that applies a parameter, as Keras names them. */
function scopeOf({ tensor, operation }: Parameter, isKeras3: boolean): readonly string[] | undefined {
  for (const name of [tensor.name, operation.node.name]) {
    const segments = name.split("/").slice(0, -1);
    if (segments.length < 2) continue;
    const isOperator = (segment: string) => /^[A-Z]/.test(segment) || (isKeras3 && !numberedScope.test(segment));
    while (segments.length > 2 && isOperator(segments.at(-1) ?? "")) segments.pop();
    return isKeras3 ? segments.map((segment) => segment.replace(numberedScope, "")) : segments;
  }
  return undefined;
}

/**
 * `variable.path`. Variables of a Sequential begin with its name, those of a functional model do not; under a name of
 * the user's own, either is possible. Keras 2 has no paths.
 */
function paths(scope: readonly string[], variable: string, isKeras3: boolean): readonly string[] {
  const [model = "", ...layer] = scope;
  const within = [...layer, variable].join("/");
  if (isKeras3 && /^sequential(_\d+)?$/.test(model)) return [`${model}/${within}`];
  if (isKeras3 && /^functional(_\d+)?$/.test(model)) return [within];
  return [within, `${model}/${within}`];
}

/**
 * The short name that a Keras layer would give a parameter (`variable.name`): kernel, bias, gamma, beta, embeddings,
 * recurrent_kernel, depthwise_kernel, pointwise_kernel; undefined where no Keras layer has such a parameter.
 */
export function kerasVariableName(layer: Layer, parameter: Parameter): string | undefined {
  switch (parameter.role) {
    case "kernel": {
      if (!/separable_conv/.test(`${layer.name} ${parameter.tensor.name}`)) return "kernel";
      return parameter.operation.node.name.endsWith("depthwise") ? "depthwise_kernel" : "pointwise_kernel";
    }
    case "recurrent":
      return "recurrent_kernel";
    case "embedding":
      return "embeddings";
    case "bias":
      return "bias";
    case "norm-scale":
      return "gamma";
    case "norm-bias":
      return "beta";
    case "other":
      return undefined;
  }
}
