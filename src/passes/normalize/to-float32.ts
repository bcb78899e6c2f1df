import { type ByteSource, memoryBytes } from "../../graph/bytes.js";
import { type DataType, dataTypeCode, dataTypeOf } from "../../graph/data-type.js";
import { InputError } from "../../graph/errors.js";
import {
  type Attribute,
  describeNode,
  type Graph,
  type Model,
  type Node,
  type SparseTensor,
  type ValueInfo,
  type ValueType,
} from "../../graph/model.js";
import { elementCount, rawBytes, readFloats, type Tensor } from "../../graph/tensor.js";

/** The type in which values of a type are computed: float32 for float16 and bfloat16, else the type itself. */
export function computedType(dataType: DataType): DataType {
  return isHalf(dataType) ? "float32" : dataType;
}

/**
 * The same model in float32 where it is in float16 or bfloat16: inputs, outputs, weights and everything between. What
 * is float64 stays; so does what ONNX has in float32 anyway (scales of Resize, statistics of LayerNormalization).
 * Weights are converted when they are read. A model without half precision is returned as it is.
 * @param model at the working opset, without local functions
 * @throws InputError for a node that takes the bits of half-precision numbers
 */
export function toFloat32(model: Model): Model {
  return updated(model, { graph: widenedGraph(model.graph) });
}

function isHalf(dataType: DataType): boolean {
  return dataType === "float16" || dataType === "bfloat16";
}

function widenedGraph(graph: Graph): Graph {
  return updated(graph, {
    inputs: mapped(graph.inputs, widenedInfo),
    outputs: mapped(graph.outputs, widenedInfo),
    valueInfo: mapped(graph.valueInfo, widenedInfo),
    initializers: mapped(graph.initializers, widenedTensor),
    sparseInitializers: mapped(graph.sparseInitializers, widenedSparseTensor),
    nodes: mapped(graph.nodes, widenedNode),
  });
}

/** The value with other properties, or itself where these are the same. */
function updated<Value extends object>(value: Value, properties: Partial<Value>): Value {
  for (const name in properties) if (properties[name] !== value[name]) return { ...value, ...properties };
  return value;
}

/** The list itself where nothing in it changes. */
function mapped<Item>(items: readonly Item[], map: (item: Item) => Item): readonly Item[] {
  const results = items.map(map);
  return results.every((result, index) => result === items[index]) ? items : results;
}

function widenedInfo(info: ValueInfo): ValueInfo {
  return info.type === undefined ? info : updated(info, { type: widenedType(info.type) });
}

function widenedType(type: ValueType): ValueType {
  switch (type.kind) {
    case "tensor":
    case "sparse-tensor":
      return updated(type, { dataType: computedType(type.dataType) });
    case "sequence":
    case "optional":
      return type.element === undefined ? type : updated(type, { element: widenedType(type.element) });
    case "map":
      return type.value === undefined ? type : updated(type, { value: widenedType(type.value) });
    case "opaque":
      return type;
  }
}

function widenedNode(node: Node): Node {
  if (node.domain === "" && node.opType === "BitCast" && isHalf(typeAttribute(node.attributes.get("to")))) {
    throw new InputError(describeNode(node), "takes bits for half-precision numbers", "export the model in float32");
  }
  const entries: readonly (readonly [string, Attribute])[] = [...node.attributes];
  const attributes = mapped(entries, (entry) => {
    const [name, attribute] = entry;
    const widened = typeAttributes.has(name) ? widenedTypeAttribute(attribute) : widenedAttribute(attribute);
    return widened === attribute ? entry : ([name, widened] as const);
  });
  return attributes.some(([name, attribute]) => attribute !== node.attributes.get(name))
    ? { ...node, attributes: new Map(attributes) }
    : node;
}

/**
 * Integer attributes that are element types. Of all operators of ai.onnx, and of those that ONNX Runtime adds, none has
 * another meaning for one of these names.
 */
const typeAttributes: ReadonlySet<string> = new Set([
  "dtype",
  "output_datatype",
  "output_dtype",
  "precision",
  "softmax_precision",
  "stash_type",
  "to",
]);

function typeAttribute(attribute: Attribute | undefined): DataType {
  return attribute?.kind === "int" ? dataTypeOf(Number(attribute.value)) : "undefined";
}

function widenedTypeAttribute(attribute: Attribute): Attribute {
  if (!isHalf(typeAttribute(attribute))) return attribute;
  return { kind: "int", value: BigInt(dataTypeCode("float32")) };
}

function widenedAttribute(attribute: Attribute): Attribute {
  switch (attribute.kind) {
    case "tensor":
      return updated(attribute, { value: widenedTensor(attribute.value) });
    case "graph":
      return updated(attribute, { value: widenedGraph(attribute.value) });
    case "sparse-tensor":
      return updated(attribute, { value: widenedSparseTensor(attribute.value) });
    case "type":
      return updated(attribute, { value: attribute.value && widenedType(attribute.value) });
    case "tensors":
      return updated(attribute, { value: mapped(attribute.value, widenedTensor) });
    case "graphs":
      return updated(attribute, { value: mapped(attribute.value, widenedGraph) });
    case "sparse-tensors":
      return updated(attribute, { value: mapped(attribute.value, widenedSparseTensor) });
    case "types":
      return updated(attribute, { value: mapped(attribute.value, (type) => type && widenedType(type)) });
    default:
      return attribute;
  }
}

function widenedSparseTensor(tensor: SparseTensor): SparseTensor {
  return updated(tensor, { values: widenedTensor(tensor.values) });
}

/** The tensor in float32, whose bytes are made when they are read. */
function widenedTensor(tensor: Tensor): Tensor {
  if (!isHalf(tensor.dataType)) return tensor;
  if (tensor.payload.kind === "none") return { ...tensor, dataType: "float32" };
  const source = widenedBytes(tensor);
  const range = { source, offset: 0, length: source.size };
  return { ...tensor, dataType: "float32", payload: { kind: "raw", range } };
}

const BYTES_OF_HALF = 2;
const BYTES_OF_FLOAT = 4;

/** The bytes that a half-precision tensor has in float32. */
function widenedBytes(tensor: Tensor): ByteSource {
  return {
    label: `tensor "${tensor.name}"`,
    size: elementCount(tensor.shape) * BYTES_OF_FLOAT,
    read(offset, length) {
      const first = Math.floor(offset / BYTES_OF_FLOAT);
      const end = Math.ceil((offset + length) / BYTES_OF_FLOAT);
      const floats = readFloats(part(tensor, first, end), "float32");
      const start = floats.byteOffset + offset - first * BYTES_OF_FLOAT;
      return new Uint8Array(floats.buffer, start, length);
    },
  };
}

/** The elements from `first` to before `end`, as a vector. */
function part(tensor: Tensor, first: number, end: number): Tensor {
  const { payload } = tensor;
  const shape = [end - first];
  const [offset, length] = [first * BYTES_OF_HALF, (end - first) * BYTES_OF_HALF];
  if (payload.kind === "raw") {
    const range = { ...payload.range, offset: payload.range.offset + offset, length };
    return { ...tensor, shape, payload: { kind: "raw", range } };
  }
  const bytes = rawBytes(tensor).subarray(offset, offset + length);
  return { ...tensor, shape, payload: { kind: "raw", range: { source: memoryBytes(bytes), offset: 0, length } } };
}
