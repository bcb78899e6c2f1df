import type { Dataflow } from "../../../graph/dataflow.js";
import { isRecurrent, type Layer, type Parameter } from "../layers.js";
import { integerAttribute } from "../../../graph/model.js";
import { type Exporter, type FrameworkNames, type NamingContext, parametersOf } from "./exporter.js";
import { kernelNameFromBias, modulePath, parameterName, recurrentLayerIndices, recurrentNames } from "./torch.js";

/**
 * PyTorch's exporter on TorchScript (`dynamo=False`, and all exports before PyTorch 2.5). Parameters keep their names
 * unless constant folding transposed or merged them: then they are called `onnx::MatMul_215`, and only the module path in
 * the name of their node (`/encoder/layer.0/query/MatMul`) and their neighbours tell what they were.
 */
export const torchScript: Exporter = ({ producerName }) =>
  producerName === "pytorch" ? { isMadeUp, listed: undefined, buffers: new Set(), recover } : undefined;

/** ONNX Runtime's optimizer leaves the producer as it is, but makes up names of its own, and keeps those of other exporters. */
function isMadeUp(name: string): boolean {
  return /^onnx::|^\d+$|\/|^val_\d+$|^reorder(_|$)|_token_\d+|^ortshared_|\.weight_bias$/i.test(name);
}

/** What a module may consist of for its one anonymous tensor to be its `weight`. */
const linearOperators: ReadonlySet<string> = new Set(["MatMul", "Gemm", "Add", "Transpose"]);
const convolutionOperators: ReadonlySet<string> = new Set(["Conv", "ConvTranspose"]);
const normalizationOperators: ReadonlySet<string> = new Set(
  "InstanceNormalization Reshape Shape Constant Mul Add Sub Div Sqrt Pow ReduceMean Cast Unsqueeze Concat Slice Gather".split(
    " ",
  ),
);

function recover({ dataflow, layers, original }: NamingContext): FrameworkNames {
  const operatorsOf = operatorsByModule(dataflow);
  const layerIndices = recurrentLayerIndices(layers, moduleOf);
  const names = new Map<Parameter, readonly string[]>();

  const isModuleOf = (module: string, operators: ReadonlySet<string>) =>
    [...(operatorsOf.get(module) ?? [])].every((operator) => operators.has(operator));

  const namedIn = new Set<string>();
  for (const { parameter } of parametersOf(layers)) {
    const { name } = parameter.tensor;
    if (!isMadeUp(name) && !/(^|\.)bias$/.test(name)) namedIn.add(modulePath(name));
  }

  const kernelName = (layer: Layer, parameter: Parameter): string | undefined => {
    const { node } = parameter.operation;
    const module = moduleOf(parameter);
    const bias = layer.parameters.find(({ role }) => role === "bias");
    const isFolded = bias === undefined || isMadeUp(bias.tensor.name);
    if (convolutionOperators.has(node.opType)) {
      // Only folding a normalization renames a Conv's weight, and then its bias, too: anything else was computed.
      const isOfModule = module !== undefined && module !== "" && isModuleOf(module, convolutionOperators);
      return isOfModule && isFolded && bias !== undefined ? parameterName(module, "weight") : undefined;
    }
    // A Gemm with transB takes a Linear's weight as it is: one that was renamed was computed.
    if (node.opType === "Gemm" && integerAttribute(node, "transB", 0) === 1) return undefined;
    const beside = kernelNameFromBias(layer, ({ tensor }) => (isMadeUp(tensor.name) ? undefined : tensor.name));
    if (beside !== undefined) return module === undefined || modulePath(beside) === module ? beside : undefined;
    const isLinear = module !== undefined && module !== "" && isModuleOf(module, linearOperators);
    return isLinear && isFolded && !namedIn.has(module) ? parameterName(module, "weight") : undefined;
  };

  const nameOf = (layer: Layer, parameter: Parameter): readonly string[] => {
    const { name } = parameter.tensor;
    if (!isMadeUp(name)) return [name];
    const module = moduleOf(parameter);
    if (isRecurrent(layer)) {
      return module === undefined ? [] : recurrentNames(module, parameter, layerIndices.get(layer) ?? 0);
    }
    switch (parameter.role) {
      case "kernel":
      case "embedding": {
        const recovered = kernelName(layer, parameter);
        return recovered === undefined ? [] : [recovered];
      }
      case "norm-scale":
      case "norm-bias":
        return module === undefined || module === "" || !isModuleOf(module, normalizationOperators)
          ? []
          : [parameterName(module, parameter.role === "norm-scale" ? "weight" : "bias")];
      default:
        // An anonymous bias came out of a fold of a normalization, whose name is gone.
        return [];
    }
  };

  for (const layer of layers) for (const parameter of layer.parameters) names.set(parameter, nameOf(layer, parameter));
  for (const [copy, source] of original) names.set(copy, names.get(source) ?? []);
  return { of: names, candidatesOf: new Map() };
}

/**
 * The module path in a node's name. Children of a Sequential repeat its last name: `/layer1/layer1.0/conv1/Conv` is in
 * `layer1.0.conv1`. Undefined for nodes of an inlined function (`/blocks/blocks.0/Block:MatMul_3`): its modules are gone.
 */
function moduleOf({ operation }: Parameter): string | undefined {
  return modulePathOf(operation.node.name);
}

function modulePathOf(nodeName: string): string | undefined {
  if (!nodeName.startsWith("/") || nodeName.includes(":")) return undefined;
  const path: string[] = [];
  for (const segment of nodeName.split("/").slice(1, -1)) {
    const last = path.at(-1);
    if (last !== undefined && segment.startsWith(`${last}.`)) path.pop();
    path.push(segment);
  }
  return path.join(".");
}

function operatorsByModule(dataflow: Dataflow): ReadonlyMap<string, ReadonlySet<string>> {
  const operators = new Map<string, Set<string>>();
  for (const { node } of dataflow.operations) {
    const module = modulePathOf(node.name);
    if (module === undefined) continue;
    const known = operators.get(module) ?? new Set();
    operators.set(module, known.add(node.opType));
  }
  return operators;
}
