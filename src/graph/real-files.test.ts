import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { onnx as proto } from "onnx-proto";
import { describe, expect, it } from "vitest";
import { dataTypeCode } from "./data-type.js";
import type { Attribute, Dimension, Graph, Node, ValueInfo, ValueType } from "./model.js";
import { readModel } from "./read-model.js";
import { rawBytes, type Tensor } from "./tensor.js";
import { fixtureModels } from "./testing/models.js";
import { onnx } from "./testing/oracle.js";

/** Ours and onnx-proto's view of a model, both brought to one form. */
const ours = {
  graph: (graph: Graph): unknown => ({
    name: graph.name,
    inputs: graph.inputs.map(ours.value),
    outputs: graph.outputs.map(ours.value),
    valueInfo: graph.valueInfo.map(ours.value),
    initializers: graph.initializers.map(ours.tensor),
    nodes: graph.nodes.map(ours.node),
  }),
  node: (node: Node): unknown => ({
    name: node.name,
    op: [node.domain, node.opType],
    inputs: node.inputs,
    outputs: node.outputs,
    attributes: [...node.attributes].map(([name, attribute]) => [name, ours.attribute(attribute)]),
  }),
  attribute: (attribute: Attribute): unknown => {
    switch (attribute.kind) {
      case "int":
        return String(attribute.value);
      case "ints":
        return attribute.value.map(String);
      case "string":
        return Buffer.from(attribute.value).toString("hex");
      case "strings":
        return attribute.value.map((text) => Buffer.from(text).toString("hex"));
      case "tensor":
        return ours.tensor(attribute.value);
      case "graph":
        return ours.graph(attribute.value);
      case "float":
      case "floats":
        return attribute.value;
      case "reference":
        return { reference: attribute.attribute };
      default:
        throw new Error(`no fixture was thought to have ${attribute.kind}`);
    }
  },
  tensor: (tensor: Tensor): unknown => ({
    name: tensor.name,
    type: dataTypeCode(tensor.dataType),
    shape: tensor.shape,
    bytes: Buffer.from(rawBytes(tensor)).toString("base64"),
  }),
  value: ({ name, type }: ValueInfo): unknown => ({ name, type: ours.type(type) }),
  type: (type: ValueType | undefined): unknown => {
    if (type === undefined) return null;
    if (type.kind === "sequence") return { sequence: ours.type(type.element) };
    if (type.kind !== "tensor") throw new Error(`no fixture was thought to have ${type.kind}`);
    return { elements: dataTypeCode(type.dataType), shape: type.shape ?? null };
  },
};

const theirs = {
  graph: (graph: proto.IGraphProto): unknown => ({
    name: graph.name,
    inputs: graph.input?.map(theirs.value),
    outputs: graph.output?.map(theirs.value),
    valueInfo: graph.valueInfo?.map(theirs.value),
    initializers: graph.initializer?.map(theirs.tensor),
    nodes: graph.node?.map(theirs.node),
  }),
  node: (node: proto.INodeProto): unknown => ({
    name: node.name,
    op: [node.domain === "ai.onnx" ? "" : node.domain, node.opType],
    inputs: node.input,
    outputs: node.output,
    attributes: node.attribute?.map((attribute) => [attribute.name, theirs.attribute(attribute)]),
  }),
  attribute: (attribute: proto.IAttributeProto): unknown => {
    if (attribute.refAttrName) return { reference: attribute.refAttrName };
    const { AttributeType } = onnx.AttributeProto;
    switch (attribute.type) {
      case AttributeType.INT:
        return String(attribute.i);
      case AttributeType.INTS:
        return attribute.ints?.map(String);
      case AttributeType.STRING:
        return Buffer.from(attribute.s ?? []).toString("hex");
      case AttributeType.STRINGS:
        return attribute.strings?.map((text) => Buffer.from(text).toString("hex"));
      case AttributeType.TENSOR:
        return theirs.tensor(attribute.t ?? {});
      case AttributeType.GRAPH:
        return theirs.graph(attribute.g ?? {});
      case AttributeType.FLOAT:
        return attribute.f;
      case AttributeType.FLOATS:
        return attribute.floats;
      default:
        throw new Error(`no fixture was thought to have ${attribute.type}`);
    }
  },
  tensor: (tensor: proto.ITensorProto): unknown => ({
    name: tensor.name,
    type: tensor.dataType,
    shape: tensor.dims?.map(Number),
    bytes: Buffer.from(theirs.bytes(tensor)).toString("base64"),
  }),
  bytes: ({ rawData, floatData, int32Data, int64Data, dataType }: proto.ITensorProto): Uint8Array => {
    if (rawData && rawData.length > 0) return rawData;
    const { FLOAT, INT32, BOOL, INT64 } = onnx.TensorProto.DataType;
    if (dataType === FLOAT) return new Uint8Array(Float32Array.from(floatData ?? []).buffer);
    if (dataType === INT32) return new Uint8Array(Int32Array.from(int32Data ?? []).buffer);
    if (dataType === BOOL) return Uint8Array.from(int32Data ?? []);
    if (dataType === INT64)
      return new Uint8Array(BigInt64Array.from((int64Data ?? []).map((n) => BigInt(String(n)))).buffer);
    throw new Error(`no fixture was thought to have typed data of type ${dataType}`);
  },
  value: ({ name, type }: proto.IValueInfoProto): unknown => ({ name, type: theirs.type(type) }),
  type: (type: proto.ITypeProto | null | undefined): unknown => {
    if (type?.sequenceType) return { sequence: theirs.type(type.sequenceType.elemType) };
    if (!type?.tensorType) return null;
    const { elemType, shape } = type.tensorType;
    return { elements: elemType, shape: shape ? (shape.dim?.map(theirs.dimension) ?? []) : null };
  },
  dimension: (dim: proto.TensorShapeProto.IDimension): Dimension => {
    if (dim.dimParam) return dim.dimParam;
    return Object.hasOwn(dim, "dimValue") ? Number(dim.dimValue) : null;
  },
};

describe.each(fixtureModels.map((path) => [basename(path), path]))("%s", (_, path) => {
  const read = readModel(path);
  const decoded = onnx.ModelProto.decode(readFileSync(path));

  it("reads as onnx-proto decodes it", () => {
    expect(read).toMatchObject({
      irVersion: Number(decoded.irVersion),
      producerName: decoded.producerName,
      producerVersion: decoded.producerVersion,
    });
    expect([...read.opsetImports]).toEqual(decoded.opsetImport.map(({ domain, version }) => [domain, Number(version)]));
    expect([...read.metadata]).toEqual(decoded.metadataProps.map(({ key, value }) => [key, value]));
    expect(ours.graph(read.graph)).toEqual(theirs.graph(decoded.graph ?? {}));
  });

  it("has the functions that onnx-proto decodes", () => {
    expect(read.functions.map((callee) => ({ ...callee, nodes: callee.nodes.map(ours.node) }))).toMatchObject(
      decoded.functions.map((callee) => ({
        name: callee.name,
        inputs: callee.input,
        outputs: callee.output,
        attributeNames: callee.attribute,
        nodes: callee.node?.map(theirs.node),
      })),
    );
  });

  it("reads from memory as from the disk", () => {
    expect(ours.graph(readModel(readFileSync(path)).graph)).toEqual(ours.graph(read.graph));
  });
});
