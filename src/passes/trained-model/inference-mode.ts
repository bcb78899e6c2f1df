import { capturedNames } from "../../graph/bodies.js";
import type { ByteSource } from "../../graph/bytes.js";
import { type Graph, integerAttribute, type Model, type Node } from "../../graph/model.js";
import type { EditInside, SizedField } from "../../graph/patch.js";
import { readNumbers } from "../../graph/tensor.js";
import { WireReader } from "../../graph/wire.js";
import { forEachField } from "./file-tensors.js";
import { constantOf } from "./trained-tensors.js";

/** Where a batch normalization says that it takes the statistics of the batch (ONNX BatchNormalization 14). */
const TRAINING_MODE = "training_mode";

/** How many inputs and outputs of a node stay; in front of them, its attribute of the mode goes. */
interface Kept {
  readonly inputs: number;
  readonly outputs: number;
}

/**
 * A model that computes as in inference, nodes of the outermost graph alone: batch normalizations with the running
 * statistics, and dropouts that drop nothing. What hands on the statistics of its batch, or is told its mode when it
 * runs, stays.
 */
export function inInferenceMode(model: Model): Model {
  const keptOf = inferenceMode(model.graph);
  const nodes = model.graph.nodes.map((node) => {
    const kept = keptOf(node);
    if (kept === undefined) return node;
    const attributes = new Map([...node.attributes].filter(([name]) => name !== TRAINING_MODE));
    const [inputs, outputs] = [node.inputs.slice(0, kept.inputs), node.outputs.slice(0, kept.outputs)];
    return { ...node, inputs, outputs, attributes };
  });
  return { ...model, graph: { ...model.graph, nodes } };
}

/** The edits of a model's file that make it what {@link inInferenceMode} makes of the model. */
export function inferenceModeEdits({ graph }: Model, source: ByteSource): readonly EditInside[] {
  const changed = graph.nodes.map(inferenceMode(graph));
  if (changed.every((kept) => kept === undefined)) return [];
  const wire = new WireReader(source);
  const edits: EditInside[] = [];
  const remove = ({ tag, end, inside }: SizedField) => {
    edits.push({ start: tag, end, bytes: new Uint8Array(), inside });
  };
  let index = 0;
  const visitNode = (at: SizedField) => {
    const kept = changed[index++];
    if (kept === undefined) return;
    const seen = { inputs: 0, outputs: 0 };
    const visit = ({ number }: { readonly number: number }, field: SizedField) => {
      if (number === 1 && ++seen.inputs > kept.inputs) remove(field);
      if (number === 2 && ++seen.outputs > kept.outputs) remove(field);
      if (number === 5 && nameOf(wire, field) === TRAINING_MODE) remove(field);
    };
    forEachField(wire, at, visit, at);
  };
  forEachField(wire, { start: 0, end: source.size }, ({ number }, field) => {
    if (number !== 7) return;
    forEachField(wire, field, (inner, node) => inner.number === 1 && visitNode(node), field);
  });
  return edits;
}

/** What stays of a node that is in training mode, for one graph; undefined for other nodes. */
function inferenceMode({ nodes, outputs, initializers }: Graph): (node: Node) => Kept | undefined {
  const used = new Set([
    ...outputs.map(({ name }) => name),
    ...nodes.flatMap((node) => [...node.inputs, ...capturedNames(node)]),
  ]);
  const constants = new Map([
    ...initializers.map((tensor) => [tensor.name, tensor] as const),
    ...nodes.map((node) => [node.outputs[0] ?? "", constantOf(node)] as const),
  ]);
  return (node) => {
    const count = { inputs: node.inputs.length, outputs: node.outputs.length };
    if (node.domain !== "") return undefined;
    if (node.opType === "Dropout" && count.inputs === 3) {
      const mode = constants.get(node.inputs[2] ?? "");
      return mode !== undefined && Number(readNumbers(mode)?.[0]) === 1 ? { ...count, inputs: 2 } : undefined;
    }
    if (node.opType !== "BatchNormalization") return undefined;
    const isTraining = count.outputs > 1 || integerAttribute(node, TRAINING_MODE, 0) === 1;
    return isTraining && !node.outputs.slice(1).some((name) => used.has(name)) ? { ...count, outputs: 1 } : undefined;
  };
}

function nameOf(wire: WireReader, attribute: SizedField): string {
  let name = "";
  forEachField(wire, attribute, (field) => {
    if (field.number === 1 && field.kind === "bytes") name = wire.text(field);
  });
  return name;
}
