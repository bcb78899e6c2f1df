import { type ByteRange, type ByteSource, fileBytes, memoryBytes } from "./bytes.js";
import { bitsOf, type DataType, dataTypeOf } from "./data-type.js";
import { InputError } from "./errors.js";
import { type ExternalData, externalDataOf } from "./external-data.js";
import type {
  Attribute,
  Dimension,
  Graph,
  Model,
  ModelFunction,
  Node,
  SparseTensor,
  ValueInfo,
  ValueType,
} from "./model.js";
import {
  elementCount,
  type Payload,
  payloadMismatch,
  rawByteLength,
  type Tensor,
  type TypedField,
  typedFieldOf,
} from "./tensor.js";
import { type Field, WireReader } from "./wire.js";

/**
 * Reads an ONNX model (IR versions 3 to 14; fields as in onnx.proto of ONNX 1.23). Costs time and memory in its nodes,
 * not in its weights: payloads stay where they are.
 * @param input the path of a .onnx file, the bytes of one, or where to read them
 * @throws InputError when it is not a readable, well-formed ONNX model, or its external data is not where it should be
 */
export function readModel(input: string | Uint8Array | ByteSource): Model {
  const source = sourceOf(input);
  refuseOtherFormats(source);
  return new ModelReader(source, externalDataOf(typeof input === "string" ? input : undefined)).model();
}

function sourceOf(input: string | Uint8Array | ByteSource): ByteSource {
  if (typeof input === "string") return fileBytes(input);
  return input instanceof Uint8Array ? memoryBytes(input) : input;
}

/** Says what a file is when it plainly is something else: the mistake is then obvious. */
function refuseOtherFormats(source: ByteSource): void {
  if (source.size === 0) throw new InputError(source.label, "is empty", "an ONNX model was expected");
  const start = Buffer.from(source.read(0, Math.min(source.size, 16))).toString("latin1");
  const pickle = "is a Python pickle";
  const exportIt = "export the model with torch.onnx.export";
  const otherFormats: readonly (readonly [magic: string, what: string, remedy: string])[] = [
    ["PK\u0003\u0004", "is a zip archive or a PyTorch checkpoint", exportIt],
    ...["\u0002", "\u0003", "\u0004", "\u0005"].map((protocol) => [`\u0080${protocol}`, pickle, exportIt] as const),
    ["\u0089HDF", "is an HDF5 file (Keras?)", 'export the model with model.export("model.onnx", format="onnx")'],
    ["\u001f\u008b", "is gzip-compressed", "decompress it first"],
    ["GGUF", "is a GGUF file", "export the model to ONNX"],
    ["version https://", "is a Git LFS pointer, not the file itself", "run git lfs pull"],
  ];
  for (const [magic, what, remedy] of otherFormats) {
    if (start.startsWith(magic)) throw new InputError(source.label, what, remedy);
  }
}

/** Payloads up to this size are kept while the file is being read: shapes and axes would cost a read each later. */
const KEPT_PAYLOAD = 1024;

/** The fields of TensorProto that hold values by type, with the wire form of a value that is not packed. */
const typedFields: ReadonlyMap<number, { readonly field: TypedField; readonly unpacked: Field["kind"] }> = new Map([
  [4, { field: "float_data", unpacked: "fixed32" }],
  [5, { field: "int32_data", unpacked: "varint" }],
  [6, { field: "string_data", unpacked: "bytes" }],
  [7, { field: "int64_data", unpacked: "varint" }],
  [10, { field: "double_data", unpacked: "fixed64" }],
  [11, { field: "uint64_data", unpacked: "varint" }],
]);

/** One method for each message of onnx.proto; `case` labels are its field numbers. */
class ModelReader {
  readonly #wire: WireReader;

  constructor(
    readonly source: ByteSource,
    readonly externalData: ExternalData,
  ) {
    this.#wire = new WireReader(source);
  }

  model(): Model {
    const wire = this.#wire;
    const opsetImports = new Map<string, number>();
    const metadata = new Map<string, string>();
    const functions: ModelFunction[] = [];
    let irVersion = 0;
    let producerName = "";
    let producerVersion = "";
    let graph: Graph | undefined;
    wire.message(0, this.source.size, "", (field) => {
      switch (field.number) {
        case 1:
          irVersion = wire.integer(field);
          break;
        case 2:
          producerName = wire.text(field);
          break;
        case 3:
          producerVersion = wire.text(field);
          break;
        case 7:
          if (graph !== undefined) wire.fail("holds more than one graph", "was it joined from several files?");
          graph = this.#graph(field, "graph");
          break;
        case 8:
          this.#opsetImport(field, opsetImports);
          break;
        case 14:
          this.#entry(field, metadata);
          break;
        case 25:
          functions.push(this.#function(field, `functions[${functions.length}]`));
          break;
      }
    });
    const remedy = "is it an ONNX model, and whole?";
    if (graph === undefined) throw new InputError(this.source.label, "holds no graph", remedy);
    if (irVersion < 1 || opsetImports.size === 0) {
      throw new InputError(this.source.label, "does not say its IR version and opsets", remedy);
    }
    const { source, externalData } = this;
    const externalFiles = externalData.files();
    return {
      label: source.label,
      source,
      externalFiles,
      irVersion,
      opsetImports,
      producerName,
      producerVersion,
      metadata,
      graph,
      functions,
    };
  }

  #graph(at: Field, place: string): Graph {
    const wire = this.#wire;
    const graph = {
      name: "",
      inputs: [] as ValueInfo[],
      outputs: [] as ValueInfo[],
      initializers: [] as Tensor[],
      sparseInitializers: [] as SparseTensor[],
      nodes: [] as Node[],
      valueInfo: [] as ValueInfo[],
      metadata: new Map<string, string>(),
    };
    this.#message(at, place, (field) => {
      switch (field.number) {
        case 1:
          graph.nodes.push(this.#node(field, `node[${graph.nodes.length}]`));
          break;
        case 2:
          graph.name = wire.text(field);
          break;
        case 5:
          graph.initializers.push(this.#tensor(field, `initializer[${graph.initializers.length}]`));
          break;
        case 11:
          graph.inputs.push(this.#valueInfo(field, `input[${graph.inputs.length}]`));
          break;
        case 12:
          graph.outputs.push(this.#valueInfo(field, `output[${graph.outputs.length}]`));
          break;
        case 13:
          graph.valueInfo.push(this.#valueInfo(field, `value_info[${graph.valueInfo.length}]`));
          break;
        case 15:
          graph.sparseInitializers.push(
            this.#sparseTensor(field, `sparse_initializer[${graph.sparseInitializers.length}]`),
          );
          break;
        case 16:
          this.#entry(field, graph.metadata);
          break;
      }
    });
    return graph;
  }

  #node(at: Field, place: string): Node {
    const wire = this.#wire;
    const inputs: string[] = [];
    const outputs: string[] = [];
    const attributes = new Map<string, Attribute>();
    const metadata = new Map<string, string>();
    let name = "";
    let domain = "";
    let opType = "";
    let overload = "";
    this.#message(at, place, (field) => {
      switch (field.number) {
        case 1:
          inputs.push(wire.text(field));
          break;
        case 2:
          outputs.push(wire.text(field));
          break;
        case 3:
          name = wire.text(field);
          break;
        case 4:
          opType = wire.text(field);
          break;
        case 5: {
          const [attributeName, attribute] = this.#attribute(field, `attribute[${attributes.size}]`);
          attributes.set(attributeName, attribute);
          break;
        }
        case 7:
          domain = standardSpelling(wire.text(field));
          break;
        case 8:
          overload = wire.text(field);
          break;
        case 9:
          this.#entry(field, metadata);
          break;
      }
    });
    return { name, domain, opType, overload, inputs, outputs, attributes, metadata };
  }

  #attribute(at: Field, place: string): [name: string, Attribute] {
    const wire = this.#wire;
    let name = "";
    let type = 0;
    let reference = "";
    let float = 0;
    let int = 0n;
    let string: Uint8Array = new Uint8Array();
    let graph: Graph | undefined;
    let valueType: ValueType | undefined;
    const floats: number[] = [];
    const ints: bigint[] = [];
    const strings: Uint8Array[] = [];
    const tensors: Tensor[] = [];
    const graphs: Graph[] = [];
    const sparseTensors: SparseTensor[] = [];
    const types: (ValueType | undefined)[] = [];
    /** What a writer that leaves out the type (IR version 1) must have meant: the field that it filled. */
    let filled = 0;
    this.#message(at, place, (field) => {
      switch (field.number) {
        case 1:
          name = wire.text(field);
          return;
        case 20:
          type = wire.integer(field);
          return;
        case 21:
          reference = wire.text(field);
          return;
        case 2:
          float = wire.float(field);
          filled = 1;
          break;
        case 3:
          int = wire.bigint(field);
          filled = 2;
          break;
        case 4:
          string = wire.bytes(field);
          filled = 3;
          break;
        case 5:
          tensors.push(this.#tensor(field, "t"));
          filled = 4;
          break;
        case 6:
          graph = this.#graph(field, name === "" ? "g" : name);
          filled = 5;
          break;
        case 7:
          wire.floats(field, floats);
          filled = 6;
          break;
        case 8:
          wire.bigints(field, ints);
          filled = 7;
          break;
        case 9:
          strings.push(wire.bytes(field));
          filled = 8;
          break;
        case 10:
          tensors.push(this.#tensor(field, `tensors[${tensors.length}]`));
          filled = 9;
          break;
        case 11:
          graphs.push(this.#graph(field, `graphs[${graphs.length}]`));
          filled = 10;
          break;
        case 14:
          valueType = this.#type(field);
          filled = 13;
          break;
        case 15:
          types.push(this.#type(field));
          filled = 14;
          break;
        case 22:
          sparseTensors.push(this.#sparseTensor(field, "sparse_tensor"));
          filled = 11;
          break;
        case 23:
          sparseTensors.push(this.#sparseTensor(field, `sparse_tensors[${sparseTensors.length}]`));
          filled = 12;
          break;
      }
    });
    const required = <T>(value: T | undefined): T =>
      value ?? wire.fail(`${place} "${name}" says its type but has no value`);
    if (reference !== "") return [name, { kind: "reference", attribute: reference }];
    switch (type === 0 ? filled : type) {
      case 1:
        return [name, { kind: "float", value: float }];
      case 2:
        return [name, { kind: "int", value: int }];
      case 3:
        return [name, { kind: "string", value: string }];
      case 4:
        return [name, { kind: "tensor", value: required(tensors[0]) }];
      case 5:
        return [name, { kind: "graph", value: required(graph) }];
      case 6:
        return [name, { kind: "floats", value: floats }];
      case 7:
        return [name, { kind: "ints", value: ints }];
      case 8:
        return [name, { kind: "strings", value: strings }];
      case 9:
        return [name, { kind: "tensors", value: tensors }];
      case 10:
        return [name, { kind: "graphs", value: graphs }];
      case 11:
        return [name, { kind: "sparse-tensor", value: required(sparseTensors[0]) }];
      case 12:
        return [name, { kind: "sparse-tensors", value: sparseTensors }];
      case 13:
        return [name, { kind: "type", value: valueType }];
      case 14:
        return [name, { kind: "types", value: types }];
      default:
        return wire.fail(`${place} "${name}" has neither a known type nor a value`);
    }
  }

  #tensor(at: Field, place: string): Tensor {
    const wire = this.#wire;
    const dims: bigint[] = [];
    const typed: TypedStretch[] = [];
    const external = new Map<string, string>();
    let name = "";
    let dataType: DataType = "undefined";
    let raw: Payload | undefined;
    let isExternal = false;
    this.#message(at, place, (field) => {
      switch (field.number) {
        case 1:
          wire.bigints(field, dims);
          break;
        case 2:
          dataType = dataTypeOf(wire.integer(field));
          break;
        case 8:
          name = wire.text(field);
          break;
        case 9:
          raw = { kind: "raw", range: this.#payloadRange(field) };
          break;
        case 13:
          this.#entry(field, external);
          break;
        case 14:
          isExternal = wire.integer(field) === 1;
          break;
        default: {
          const typedField = typedFields.get(field.number);
          if (typedField === undefined) break;
          typed.push({ field: typedField.field, range: this.#payloadRange(field, typedField.unpacked) });
        }
      }
    });
    const shape = this.#shape(dims, place, name);
    if (isExternal) {
      // A type newer than our table: who knows its size.
      const expected = bitsOf(dataType) === 0 ? undefined : rawByteLength(dataType, shape);
      const range = this.externalData.locate(name, external, expected);
      return { name, dataType, shape, payload: { kind: "raw", range } };
    }
    const tensor = { name, dataType, shape, payload: raw ?? typedPayload(dataType, typed) };
    const mismatch = payloadMismatch(tensor);
    if (mismatch !== undefined) wire.fail(`${place} "${name}" ${mismatch}`, "the file is incomplete or damaged");
    return tensor;
  }

  #shape(dims: readonly bigint[], place: string, name: string): readonly number[] {
    const shape = dims.map(Number);
    const elements = elementCount(shape);
    if (shape.some((extent) => extent < 0 || !Number.isSafeInteger(extent)) || !Number.isSafeInteger(elements)) {
      this.#wire.fail(`${place} "${name}" has the impossible shape [${dims.join(", ")}]`);
    }
    return shape;
  }

  /** Small payloads are copied out of the window at hand, large ones are only located. */
  #payloadRange(field: Field, unpacked: Field["kind"] = "bytes"): ByteRange {
    if (field.kind === "bytes" && field.end - field.start > KEPT_PAYLOAD) return this.#wire.range(field);
    const bytes = field.kind === unpacked ? this.#wire.content(field) : this.#wire.bytes(field);
    return { source: memoryBytes(bytes), offset: 0, length: bytes.length };
  }

  #sparseTensor(at: Field, place: string): SparseTensor {
    const dims: bigint[] = [];
    let values: Tensor | undefined;
    this.#message(at, place, (field) => {
      if (field.number === 1) values = this.#tensor(field, "values");
      if (field.number === 3) this.#wire.bigints(field, dims);
    });
    if (values === undefined) return this.#wire.fail(`${place} has no values`);
    return { name: values.name, shape: this.#shape(dims, place, values.name), values };
  }

  #valueInfo(at: Field, place: string): ValueInfo {
    let name = "";
    let type: ValueType | undefined;
    this.#message(at, place, (field) => {
      if (field.number === 1) name = this.#wire.text(field);
      if (field.number === 2) type = this.#type(field);
    });
    return type === undefined ? { name } : { name, type };
  }

  #type(at: Field): ValueType | undefined {
    let type: ValueType | undefined;
    this.#message(at, "type", (field) => {
      switch (field.number) {
        case 1:
        case 8:
          type = this.#tensorType(field, field.number === 1 ? "tensor" : "sparse-tensor");
          break;
        case 4:
        case 9: {
          const kind = field.number === 4 ? "sequence" : "optional";
          let element: ValueType | undefined;
          this.#message(field, kind, (inner) => {
            if (inner.number === 1) element = this.#type(inner);
          });
          type = element === undefined ? { kind } : { kind, element };
          break;
        }
        case 5: {
          let key: DataType = "undefined";
          let value: ValueType | undefined;
          this.#message(field, "map", (inner) => {
            if (inner.number === 1) key = dataTypeOf(this.#wire.integer(inner));
            if (inner.number === 2) value = this.#type(inner);
          });
          type = value === undefined ? { kind: "map", key } : { kind: "map", key, value };
          break;
        }
        case 7: {
          let domain = "";
          let name = "";
          this.#message(field, "opaque", (inner) => {
            if (inner.number === 1) domain = this.#wire.text(inner);
            if (inner.number === 2) name = this.#wire.text(inner);
          });
          type = { kind: "opaque", domain, name };
          break;
        }
      }
    });
    return type;
  }

  #tensorType(at: Field, kind: "tensor" | "sparse-tensor"): ValueType {
    let dataType: DataType = "undefined";
    let shape: Dimension[] | undefined;
    this.#message(at, kind, (field) => {
      if (field.number === 1) dataType = dataTypeOf(this.#wire.integer(field));
      if (field.number === 2) {
        const dimensions: Dimension[] = [];
        this.#message(field, "shape", (dimension) => {
          if (dimension.number === 1) dimensions.push(this.#dimension(dimension));
        });
        shape = dimensions;
      }
    });
    return shape === undefined ? { kind, dataType } : { kind, dataType, shape };
  }

  #dimension(at: Field): Dimension {
    let dimension: Dimension = null;
    this.#message(at, "dim", (field) => {
      if (field.number === 1) dimension = this.#wire.integer(field);
      if (field.number === 2) dimension = this.#wire.text(field);
    });
    // Old exporters write -1 or "" for an unknown extent.
    return dimension === "" || (typeof dimension === "number" && dimension < 0) ? null : dimension;
  }

  #function(at: Field, place: string): ModelFunction {
    const wire = this.#wire;
    const inputs: string[] = [];
    const outputs: string[] = [];
    const attributeNames: string[] = [];
    const attributeDefaults = new Map<string, Attribute>();
    const nodes: Node[] = [];
    const valueInfo: ValueInfo[] = [];
    const opsetImports = new Map<string, number>();
    let name = "";
    let domain = "";
    let overload = "";
    this.#message(at, place, (field) => {
      switch (field.number) {
        case 1:
          name = wire.text(field);
          break;
        case 4:
          inputs.push(wire.text(field));
          break;
        case 5:
          outputs.push(wire.text(field));
          break;
        case 6:
          attributeNames.push(wire.text(field));
          break;
        case 7:
          nodes.push(this.#node(field, `node[${nodes.length}]`));
          break;
        case 9:
          this.#opsetImport(field, opsetImports);
          break;
        case 10:
          domain = standardSpelling(wire.text(field));
          break;
        case 11: {
          const [attributeName, attribute] = this.#attribute(field, `attribute_proto[${attributeDefaults.size}]`);
          attributeDefaults.set(attributeName, attribute);
          break;
        }
        case 12:
          valueInfo.push(this.#valueInfo(field, `value_info[${valueInfo.length}]`));
          break;
        case 13:
          overload = wire.text(field);
          break;
      }
    });
    return {
      name,
      domain,
      overload,
      inputs,
      outputs,
      attributeNames,
      attributeDefaults,
      nodes,
      valueInfo,
      opsetImports,
    };
  }

  #opsetImport(at: Field, into: Map<string, number>): void {
    let domain = "";
    let version = 0;
    this.#message(at, "opset_import", (field) => {
      if (field.number === 1) domain = this.#wire.text(field);
      if (field.number === 2) version = this.#wire.integer(field);
    });
    into.set(standardSpelling(domain), version);
  }

  /** A StringStringEntryProto. */
  #entry(at: Field, into: Map<string, string>): void {
    let key = "";
    let value = "";
    this.#message(at, "entry", (field) => {
      if (field.number === 1) key = this.#wire.text(field);
      if (field.number === 2) value = this.#wire.text(field);
    });
    into.set(key, value);
  }

  #message(at: Field, place: string, visit: (field: Field) => void): void {
    if (at.kind !== "bytes") this.#wire.fail(`${place} should be a message`, "the file is damaged or not ONNX");
    this.#wire.message(at.start, at.end, place, visit);
  }
}

/** "ai.onnx" is the standard domain's other spelling. */
function standardSpelling(domain: string): string {
  return domain === "ai.onnx" ? "" : domain;
}

interface TypedStretch {
  readonly field: TypedField;
  readonly range: ByteRange;
}

/** The stretches of the typed field that a type's values are in. */
function typedPayload(dataType: DataType, stretches: readonly TypedStretch[]): Payload {
  const field = typedFieldOf(dataType);
  const ranges = stretches.flatMap((stretch) => (stretch.field === field ? [stretch.range] : []));
  return field === undefined || ranges.length === 0 ? { kind: "none" } : { kind: "typed", field, ranges };
}
