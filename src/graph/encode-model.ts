import { createRequire } from "node:module";
import type { onnx } from "onnx-proto";
import { readRange } from "./bytes.js";
import { dataTypeCode } from "./data-type.js";
import { InputError } from "./errors.js";
import type { ExternalLocation } from "./external-weights.js";
import type { Attribute, Dimension, Graph, Model, Node, ValueInfo, ValueType } from "./model.js";
import { rawBytes, type Tensor } from "./tensor.js";

/** TensorProto.DataLocation.EXTERNAL. */
const EXTERNAL = 1;

/** onnx-proto takes longer to load than most models to read: only who writes a new model waits for it. */
const messages = lazily(() => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- require() has no types
  const module = createRequire(import.meta.url)("onnx-proto") as typeof import("onnx-proto");
  return module.onnx;
});

/**
 * A model that was built here, as the bytes of a .onnx file. For a model that was read from a file, patch the file
 * instead: this writes what onnx-proto's message classes (ONNX 1.10) hold, with all payloads embedded. Metadata of
 * graph and nodes, which came later, is left out.
 * @param locationOf tells which tensors are in a file beside the model, and where; by default none
 * @throws InputError for a model with local functions (inline them first) and for what onnx-proto or we do not hold in
 *   full: sparse tensors, opaque types, element types newer than ours
 */
export function encodeModel(model: Model, locationOf: LocationOf = () => undefined): Uint8Array {
  if (model.functions.length > 0)
    throw new InputError(model.label, "still has model-local functions", "inline them first");
  return messages()
    .ModelProto.encode({
      irVersion: model.irVersion,
      producerName: model.producerName,
      producerVersion: model.producerVersion,
      opsetImport: [...model.opsetImports].map(([domain, version]) => ({ domain, version })),
      metadataProps: [...model.metadata].map(([key, value]) => ({ key, value })),
      graph: graphProto(model.graph, locationOf),
    })
    .finish();
}

/** Where a tensor's bytes are beside the model; undefined for those in it. */
type LocationOf = (tensor: Tensor) => ExternalLocation | undefined;

function graphProto(graph: Graph, locationOf: LocationOf): onnx.IGraphProto {
  const [sparse] = graph.sparseInitializers;
  if (sparse !== undefined) {
    throw new InputError(`initializer "${sparse.name}"`, "is sparse, which cannot be written to a new model");
  }
  return {
    name: graph.name,
    node: graph.nodes.map((node) => nodeProto(node, locationOf)),
    initializer: graph.initializers.map((tensor) => tensorProto(tensor, locationOf)),
    input: graph.inputs.map(valueInfoProto),
    output: graph.outputs.map(valueInfoProto),
    valueInfo: graph.valueInfo.map(valueInfoProto),
  };
}

function nodeProto(node: Node, locationOf: LocationOf): onnx.INodeProto {
  return {
    name: node.name,
    domain: node.domain,
    opType: node.opType,
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: [...node.attributes].map(([name, attribute]) => ({
      name,
      ...attributeValue(name, attribute, locationOf),
    })),
  };
}

function attributeValue(name: string, attribute: Attribute, locationOf: LocationOf): onnx.IAttributeProto {
  const { AttributeType } = messages().AttributeProto;
  switch (attribute.kind) {
    case "float":
      return { type: AttributeType.FLOAT, f: attribute.value };
    case "int":
      return { type: AttributeType.INT, i: long(attribute.value) };
    case "string":
      return { type: AttributeType.STRING, s: attribute.value };
    case "tensor":
      return { type: AttributeType.TENSOR, t: tensorProto(attribute.value) };
    case "graph":
      return { type: AttributeType.GRAPH, g: graphProto(attribute.value, locationOf) };
    case "type":
      return { type: AttributeType.TYPE_PROTO, tp: typeProto(attribute.value) ?? null };
    case "floats":
      return { type: AttributeType.FLOATS, floats: [...attribute.value] };
    case "ints":
      return { type: AttributeType.INTS, ints: attribute.value.map(long) };
    case "strings":
      return { type: AttributeType.STRINGS, strings: [...attribute.value] };
    case "tensors":
      return { type: AttributeType.TENSORS, tensors: attribute.value.map((tensor) => tensorProto(tensor)) };
    case "graphs":
      return { type: AttributeType.GRAPHS, graphs: attribute.value.map((graph) => graphProto(graph, locationOf)) };
    case "types":
      return { type: AttributeType.TYPE_PROTOS, typeProtos: attribute.value.map((type) => typeProto(type) ?? {}) };
    case "sparse-tensor":
    case "sparse-tensors":
    case "reference":
      throw new InputError(`attribute "${name}"`, `is a ${attribute.kind}, which cannot be written to a new model`);
  }
}

function tensorProto(tensor: Tensor, locationOf: LocationOf = () => undefined): onnx.ITensorProto {
  const { name, shape, dataType, payload } = tensor;
  if (dataType === "undefined") {
    throw new InputError(`tensor "${name}"`, "has an unknown element type, which cannot be written to a new model");
  }
  const location = locationOf(tensor);
  if (location !== undefined) {
    const { file, offset, length } = location;
    const externalData = Object.entries({ location: file, offset, length }).map(([key, value]) => ({
      key,
      value: String(value),
    }));
    return { name, dims: [...shape], dataType: dataTypeCode(dataType), dataLocation: EXTERNAL, externalData };
  }
  const values =
    dataType === "string"
      ? { stringData: payload.kind === "typed" ? payload.ranges.map(readRange) : [] }
      : { rawData: rawBytes(tensor) };
  return { name, dims: [...shape], dataType: dataTypeCode(dataType), ...values };
}

function valueInfoProto({ name, type }: ValueInfo): onnx.IValueInfoProto {
  return { name, type: typeProto(type) ?? null };
}

function typeProto(type: ValueType | undefined): onnx.ITypeProto | undefined {
  switch (type?.kind) {
    case undefined:
      return undefined;
    case "tensor":
    case "sparse-tensor": {
      const message = {
        elemType: dataTypeCode(type.dataType),
        shape: type.shape === undefined ? null : { dim: type.shape.map(dimensionProto) },
      };
      return type.kind === "tensor" ? { tensorType: message } : { sparseTensorType: message };
    }
    case "sequence":
      return { sequenceType: { elemType: typeProto(type.element) ?? null } };
    case "map":
      return { mapType: { keyType: dataTypeCode(type.key), valueType: typeProto(type.value) ?? null } };
    case "optional":
      return { optionalType: { elemType: typeProto(type.element) ?? null } };
    case "opaque":
      throw new InputError("a value", `has the type ${type.kind}, which cannot be written to a new model`);
  }
}

function dimensionProto(dimension: Dimension): { dimValue?: number; dimParam?: string } {
  if (typeof dimension === "number") return { dimValue: dimension };
  return dimension === null ? {} : { dimParam: dimension };
}

/** protobufjs takes 64-bit integers as two halves. */
function long(value: bigint): { low: number; high: number; unsigned: boolean } {
  const bits = BigInt.asIntN(64, value);
  return { low: Number(BigInt.asIntN(32, bits)), high: Number(BigInt.asIntN(32, bits >> 32n)), unsigned: false };
}

function lazily<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
