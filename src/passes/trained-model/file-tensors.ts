import type { ByteSource } from "../../graph/bytes.js";
import type { Attribute, Graph, Model, ModelFunction, Node } from "../../graph/model.js";
import type { SizedField } from "../../graph/patch.js";
import type { Payload, Tensor } from "../../graph/tensor.js";
import { type Field, WireReader } from "../../graph/wire.js";

/** A TensorProto in a model's file. */
export interface FileTensor {
  readonly field: SizedField;
  /** What it was read as; undefined for those that a model does not hold (indices of sparse tensors). */
  readonly tensor: Tensor | undefined;
  /** Where the values of its `external_data` entries are, by key; undefined for a tensor whose values are inside. */
  readonly external: ReadonlyMap<string, ExternalEntry> | undefined;
}

/** One entry of a tensor's `external_data`. */
export interface ExternalEntry {
  readonly value: string;
  readonly field: SizedField;
}

/** The tensors of a model's file. */
export interface FileTensors {
  /** By the payload that they were read as, which is one object for each tensor of a file. */
  readonly byPayload: ReadonlyMap<Payload, FileTensor>;
  /** All of them, also those in sparse tensors and in ONNX's own training information. */
  readonly all: readonly FileTensor[];
}

/**
 * Finds the tensors of a model in its file: in graph, bodies, functions and attributes. Payloads are stepped over.
 * @param model as it was read from `source`
 */
export function fileTensors(model: Model, source: ByteSource): FileTensors {
  const finder = new Finder(source);
  finder.model(model);
  return finder;
}

/** The length-delimited fields of a message, in order. */
export function forEachField(
  wire: WireReader,
  message: Pick<SizedField, "start" | "end">,
  visit: (field: Field, sized: SizedField) => void,
  inside?: SizedField,
): void {
  let tag = message.start;
  wire.message(message.start, message.end, "", (field) => {
    visit(field, { tag, start: field.start, end: field.end, inside });
    tag = field.end;
  });
}

type Attributes = ReadonlyMap<string, Attribute>;

/** One method for each message of onnx.proto that may hold tensors; `case` labels are its field numbers. */
class Finder implements FileTensors {
  readonly byPayload = new Map<Payload, FileTensor>();
  readonly all: FileTensor[] = [];
  readonly #wire: WireReader;
  readonly #size: number;

  constructor(source: ByteSource) {
    this.#wire = new WireReader(source);
    this.#size = source.size;
  }

  model({ graph, functions }: Model): void {
    let count = 0;
    this.#fields(undefined, (number, field) => {
      switch (number) {
        case 7:
          this.#graph(field, graph);
          break;
        case 20:
          this.#training(field);
          break;
        case 25:
          this.#function(field, functions[count++]);
          break;
      }
    });
  }

  #graph(at: SizedField, graph: Graph | undefined): void {
    let nodes = 0;
    let initializers = 0;
    this.#fields(at, (number, field) => {
      switch (number) {
        case 1:
          this.#node(field, graph?.nodes[nodes++]);
          break;
        case 5:
          this.#tensor(field, graph?.initializers[initializers++]);
          break;
        case 15:
          this.#sparseTensor(field);
          break;
      }
    });
  }

  #function(at: SizedField, callee: ModelFunction | undefined): void {
    let nodes = 0;
    this.#fields(at, (number, field) => {
      if (number === 7) this.#node(field, callee?.nodes[nodes++]);
      if (number === 11) this.#attribute(field, callee?.attributeDefaults);
    });
  }

  #node(at: SizedField, node: Node | undefined): void {
    this.#fields(at, (number, field) => {
      if (number === 5) this.#attribute(field, node?.attributes);
    });
  }

  #attribute(at: SizedField, attributes: Attributes | undefined): void {
    const wire = this.#wire;
    const tensors: SizedField[] = [];
    const bodies: SizedField[] = [];
    const listed: SizedField[] = [];
    let name = "";
    forEachField(
      wire,
      at,
      (field, sized) => {
        if (field.kind !== "bytes") return;
        if (field.number === 1) name = wire.text(field);
        if (field.number === 5 || field.number === 10) tensors.push(sized);
        if (field.number === 6) bodies.push(sized);
        if (field.number === 11) listed.push(sized);
        if (field.number === 22 || field.number === 23) this.#sparseTensor(sized);
      },
      at,
    );
    const attribute = attributes?.get(name);
    const read =
      attribute?.kind === "tensor" ? [attribute.value] : attribute?.kind === "tensors" ? attribute.value : [];
    for (const [index, field] of tensors.entries()) this.#tensor(field, read[index]);
    // A field that is there once counts as it is there last.
    const body = attribute?.kind === "graph" ? attribute.value : undefined;
    for (const field of bodies) this.#graph(field, field === bodies.at(-1) ? body : undefined);
    const graphs = attribute?.kind === "graphs" ? attribute.value : [];
    for (const [index, field] of listed.entries()) this.#graph(field, graphs[index]);
  }

  #tensor(at: SizedField, tensor?: Tensor): void {
    const wire = this.#wire;
    const entries = new Map<string, ExternalEntry>();
    let isExternal = false;
    forEachField(
      wire,
      at,
      (field, sized) => {
        if (field.number === 13 && field.kind === "bytes") this.#entry(sized, entries);
        if (field.number === 14) isExternal = wire.integer(field) === 1;
      },
      at,
    );
    const found = { field: at, tensor, external: isExternal ? entries : undefined };
    this.all.push(found);
    if (tensor !== undefined) this.byPayload.set(tensor.payload, found);
  }

  /** Of entries of one key the last counts. */
  #entry(at: SizedField, into: Map<string, ExternalEntry>): void {
    const wire = this.#wire;
    let key = "";
    let entry: ExternalEntry | undefined;
    forEachField(
      wire,
      at,
      (field, sized) => {
        if (field.number === 1) key = wire.text(field);
        if (field.number === 2) entry = { value: wire.text(field), field: sized };
      },
      at,
    );
    if (entry !== undefined) into.set(key, entry);
  }

  /** Values and indices. Neither are trained. */
  #sparseTensor(at: SizedField): void {
    this.#fields(at, (number, field) => {
      if (number === 1 || number === 2) this.#tensor(field);
    });
  }

  /** TrainingInfoProto: graphs that a model made for training by ONNX's own extension has. */
  #training(at: SizedField): void {
    this.#fields(at, (number, field) => {
      if (number === 1 || number === 2) this.#graph(field, undefined);
    });
  }

  #fields(at: SizedField | undefined, visit: (number: number, field: SizedField) => void): void {
    const message = at ?? { start: 0, end: this.#size };
    forEachField(
      this.#wire,
      message,
      (field, sized) => {
        if (field.kind === "bytes") visit(field.number, sized);
      },
      at,
    );
  }
}
