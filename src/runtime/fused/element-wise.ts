import { dataTypeCode } from "../../graph/data-type.js";
import { type Graph, integerAttribute, type Node } from "../../graph/model.js";
import { isSameShape } from "../../graph/shapes/shape-math.js";
import { type Facts, tensorFacts, unknownFacts } from "../../graph/shapes/facts.js";
import { inferNode } from "../../graph/shapes/infer-graph.js";
import { factsOfTensor } from "../../graph/shapes/tensor-facts.js";
import { elementCount, readNumbers, type Tensor } from "../../graph/tensor.js";
import { type Artifact, portKey } from "../../passes/training/artifact.js";
import { type ContractTensor, isTensorType, type TensorRole } from "../../passes/training/contract.js";

/** The type of the elements of a loop. */
export type FloatType = "float32" | "float64";

/** Operators that are computed for each element. */
const elementOperators = ["Add", "Sub", "Mul", "Div", "Max", "Min", "Sqrt", "Abs", "Neg"] as const;
export type ElementOperator = (typeof elementOperators)[number];

/** Operators that are computed once for all elements. */
const scalarOperators = ["Add", "Sub", "Mul", "Div", "Sqrt", "Abs", "Neg", "Cast", "Identity"] as const;
export type ScalarOperator = (typeof scalarOperators)[number];

/** What an operation of a loop takes: an element of an array, a number, or what an operation before it gives. */
export interface Operand {
  readonly kind: "array" | "scalar" | "result";
  readonly index: number;
}

export interface Operation {
  readonly operator: ElementOperator;
  readonly operands: readonly Operand[];
}

/** What is computed of each element of a slot, whichever it is: slots with equal loops share the code. */
export interface Loop {
  readonly dataType: FloatType;
  /** What the arrays are. */
  readonly arrays: readonly TensorRole[];
  /** How many numbers it takes. */
  readonly scalars: number;
  readonly operations: readonly Operation[];
  /** What becomes of which array. */
  readonly results: readonly { readonly array: number; readonly value: Operand }[];
}

/** The loop of a slot. */
export interface SlotLoop {
  readonly of: string;
  readonly elements: number;
  readonly loop: Loop;
  /** The names of its numbers. */
  readonly scalars: readonly string[];
}

/** A number, of which others may be made. */
export type Scalar = { readonly name: string; readonly dataType: FloatType } & (
  | { readonly kind: "constant"; readonly value: number }
  /** An input of the artifact, or a value that the rest computes. */
  | { readonly kind: "given" }
  | { readonly kind: "computed"; readonly operator: ScalarOperator; readonly operands: readonly string[] }
);

/** The part of an artifact that is no loop: the norms of gradients. It runs before the loops, and gives numbers. */
export interface Rest {
  readonly graph: Graph;
  readonly inputs: readonly ContractTensor[];
  /** The outputs of the graph, each one number. */
  readonly outputs: readonly { readonly name: string; readonly dataType: FloatType }[];
}

/** An artifact as loops over the elements of its slots. */
export interface ElementWise {
  /** Inputs of the artifact that are arrays. */
  readonly arrays: readonly (ContractTensor & { readonly dtype: FloatType; readonly shape: readonly number[] })[];
  readonly slots: readonly SlotLoop[];
  /** Each after those that it is made of. */
  readonly scalars: readonly Scalar[];
  readonly rest: Rest | undefined;
}

/**
 * Takes an update apart into loops over elements: what each slot's new values are, of the old ones and of numbers. What
 * is reduced to one number on the way is left to a graph of its own.
 * @returns undefined for an artifact that is more than that
 */
export function elementWise(artifact: Artifact): ElementWise | undefined {
  try {
    return new Analysis(artifact).result();
  } catch (error) {
    if (error instanceof NotElementWise) return undefined;
    throw error;
  }
}

class NotElementWise extends Error {}

/** What a value is: the same for all elements, or one for each element of a slot. */
type Place = { readonly kind: "scalar" } | { readonly kind: "elements"; readonly of: string };

type ArrayPort = ElementWise["arrays"][number];

class Analysis {
  readonly #artifact: Artifact;
  readonly #facts = new Map<string, Facts>();
  readonly #nodes: ReadonlyMap<string, Node>;
  readonly #constants: ReadonlyMap<string, Tensor>;
  readonly #arrays: ReadonlyMap<string, ArrayPort>;
  /** The names of arrays, by what they are. */
  readonly #names: ReadonlyMap<string, string>;
  readonly #places = new Map<string, Place>();
  readonly #scalars = new Map<string, Scalar>();
  readonly #rest = new Set<string>();

  constructor(artifact: Artifact) {
    const { graph, contract } = artifact;
    this.#artifact = artifact;
    for (const { name, dtype, shape } of contract.inputs) {
      if (isTensorType(dtype)) this.#facts.set(name, tensorFacts(dtype, shape ?? undefined));
    }
    for (const tensor of graph.initializers) this.#facts.set(tensor.name, factsOfTensor(tensor));
    this.#nodes = new Map(fusedAsByRuntime(graph).flatMap((node) => node.outputs.map((name) => [name, node])));
    this.#constants = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
    const shapes = new Map(
      contract.inputs.flatMap(({ role, of, shape }) => (role === "parameter" && of !== undefined ? [[of, shape]] : [])),
    );
    this.#arrays = new Map(
      contract.inputs.flatMap((port) => {
        const array = arrayPort(port);
        const isArray = array !== undefined && (port.role !== "scale" || array.shape.length > 0);
        if (!isArray) return [];
        if (!isSameShape(array.shape, shapes.get(port.of ?? "") ?? undefined)) throw new NotElementWise();
        return [[port.name, array]];
      }),
    );
    this.#names = new Map([...this.#arrays.values()].map((port) => [portKey(port), port.name]));
  }

  result(): ElementWise {
    const { contract } = this.#artifact;
    const bySlot = new Map<string, ContractTensor[]>();
    for (const port of contract.outputs) {
      const others = bySlot.get(port.of ?? "");
      if (others === undefined) bySlot.set(port.of ?? "", [port]);
      else others.push(port);
    }
    const slots = [...bySlot].map(([of, outputs]) => this.#slot(of, outputs));
    return {
      arrays: [...this.#arrays.values()],
      slots,
      scalars: [...this.#scalars.values()],
      rest: this.#rest.size === 0 ? undefined : this.#restGraph(),
    };
  }

  #slot(of: string, outputs: readonly ContractTensor[]): SlotLoop {
    const arrays: string[] = [];
    const scalars: string[] = [];
    const operations: Operation[] = [];
    const operands = new Map<string, Operand>();
    const newOperand = (name: string): Operand => {
      if (this.#placeOf(name).kind === "scalar") {
        this.#scalar(name);
        return { kind: "scalar", index: scalars.push(name) - 1 };
      }
      if (this.#arrays.has(name)) return { kind: "array", index: arrays.push(name) - 1 };
      const node = this.#nodeOf(name);
      if (node.opType === "Identity") return operand(node.inputs[0] ?? "");
      if (!isOneOf(elementOperators, node.opType)) throw new NotElementWise();
      return {
        kind: "result",
        index: operations.push({ operator: node.opType, operands: node.inputs.map(operand) }) - 1,
      };
    };
    const operand = (name: string): Operand => {
      const known = operands.get(name);
      if (known !== undefined) return known;
      const found = newOperand(name);
      operands.set(name, found);
      return found;
    };
    const written = outputs.map((port) => ({ value: operand(port.name), array: this.#arrayOf(port) }));
    const results = written.map(({ value, array }) => {
      const { kind, index } = operand(array);
      if (kind !== "array") throw new NotElementWise();
      return { array: index, value };
    });
    const ports = arrays.flatMap((name) => this.#arrays.get(name) ?? []);
    const [first] = ports;
    if (first === undefined || ports.some(({ dtype }) => dtype !== first.dtype)) throw new NotElementWise();
    const loop = {
      dataType: first.dtype,
      arrays: ports.map(({ role }) => role),
      scalars: scalars.length,
      operations,
      results,
    };
    return { of, elements: elementCount(first.shape), loop, scalars };
  }

  /** The input in whose memory an output is. */
  #arrayOf(port: ContractTensor): string {
    const name = this.#names.get(portKey(port));
    if (name === undefined) throw new NotElementWise();
    return name;
  }

  #nodeOf(name: string): Node {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new NotElementWise();
    return node;
  }

  #placeOf(name: string): Place {
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    const place = this.#newPlace(name);
    this.#places.set(name, place);
    return place;
  }

  #newPlace(name: string): Place {
    const array = this.#arrays.get(name);
    if (array !== undefined) return { kind: "elements", of: array.of ?? "" };
    const node = this.#nodes.get(name);
    if (node !== undefined && (isOneOf(elementOperators, node.opType) || node.opType === "Identity")) {
      const places = node.inputs.map((input) => this.#placeOf(input));
      const slots = new Set(places.flatMap((place) => (place.kind === "elements" ? [place.of] : [])));
      const [of] = slots;
      if (slots.size === 1 && of !== undefined) return { kind: "elements", of };
    }
    if (this.#factsOf(name)?.shape?.length !== 0) throw new NotElementWise();
    return { kind: "scalar" };
  }

  /** What is known of a value: of those that are asked for only, as most are elements. */
  #factsOf(name: string): Facts | undefined {
    const node = this.#nodes.get(name);
    if (node !== undefined && !this.#facts.has(name)) {
      const facts = inferNode(node, (input) => this.#factsOf(input));
      for (const [index, output] of node.outputs.entries()) this.#facts.set(output, facts[index] ?? unknownFacts);
    }
    return this.#facts.get(name);
  }

  /** Notes how a number comes about. @returns whether that is without the rest */
  #scalar(name: string): boolean {
    if (this.#scalars.has(name)) return !this.#rest.has(name);
    const { dataType } = this.#factsOf(name) ?? {};
    if (dataType !== "float32" && dataType !== "float64") throw new NotElementWise();
    const constant = this.#constants.get(name);
    const node = this.#nodes.get(name);
    if (constant !== undefined) {
      const [value] = readNumbers(constant) ?? [];
      if (value === undefined) throw new NotElementWise();
      this.#scalars.set(name, { name, dataType, kind: "constant", value });
      return true;
    }
    if (node === undefined) {
      this.#scalars.set(name, { name, dataType, kind: "given" });
      return true;
    }
    const { opType, inputs } = node;
    const isComputed = isOneOf(scalarOperators, opType) && inputs.every((input) => this.#isPlain(input));
    if (isComputed && (opType !== "Cast" || integerAttribute(node, "to", 0) === dataTypeCode(dataType))) {
      for (const input of inputs) this.#scalar(input);
      this.#scalars.set(name, { name, dataType, kind: "computed", operator: opType, operands: inputs });
      return true;
    }
    this.#rest.add(name);
    this.#scalars.set(name, { name, dataType, kind: "given" });
    return false;
  }

  /** Whether a number is made of constants and inputs that are numbers, by operators that are known. */
  #isPlain(name: string): boolean {
    if (this.#placeOf(name).kind !== "scalar") return false;
    const node = this.#nodes.get(name);
    return (
      node === undefined || (isOneOf(scalarOperators, node.opType) && node.inputs.every((one) => this.#isPlain(one)))
    );
  }

  #restGraph(): Rest {
    const { graph, contract } = this.#artifact;
    const needed = new Set(this.#rest);
    const nodes: Node[] = [];
    for (const node of graph.nodes.toReversed()) {
      if (!node.outputs.some((output) => needed.has(output))) continue;
      for (const input of node.inputs) needed.add(input);
      nodes.unshift(node);
    }
    const isNeeded = ({ name }: { readonly name: string }) => needed.has(name);
    const outputs = [...this.#scalars.values()].filter(({ name }) => this.#rest.has(name));
    return {
      graph: {
        ...graph,
        inputs: graph.inputs.filter(isNeeded),
        initializers: graph.initializers.filter(isNeeded),
        nodes,
        outputs: outputs.map(({ name, dataType }) => ({ name, type: { kind: "tensor", dataType, shape: [] } })),
      },
      inputs: contract.inputs.filter(isNeeded),
      outputs,
    };
  }
}

/**
 * ONNX Runtime computes x · (1 / d) as x / d where nothing else uses 1 / d, which is rounded once, not twice; so does
 * the loop.
 */
function fusedAsByRuntime({ nodes, initializers, outputs }: Graph): readonly Node[] {
  const uses = new Map<string, number>();
  for (const name of [...nodes.flatMap(({ inputs }) => inputs), ...outputs.map((output) => output.name)]) {
    uses.set(name, (uses.get(name) ?? 0) + 1);
  }
  const ones = new Set(
    initializers.flatMap((tensor) =>
      tensor.shape.length === 0 && readNumbers(tensor)?.[0] === 1 ? [tensor.name] : [],
    ),
  );
  const divisors = new Map(
    nodes.flatMap(({ opType, inputs: [numerator = "", divisor = ""], outputs: [quotient = ""] }) =>
      opType === "Div" && ones.has(numerator) && uses.get(quotient) === 1 ? [[quotient, divisor] as const] : [],
    ),
  );
  return nodes.map((node) => {
    if (node.opType !== "Mul") return node;
    const [a = "", b = ""] = node.inputs;
    const [ofA, ofB] = [divisors.get(a), divisors.get(b)];
    if (ofB !== undefined) return { ...node, opType: "Div", inputs: [a, ofB] };
    return ofA === undefined ? node : { ...node, opType: "Div", inputs: [b, ofA] };
  });
}

const arrayRoles: ReadonlySet<TensorRole> = new Set<TensorRole>([
  "parameter",
  "gradient",
  "moment1",
  "moment2",
  "moment2max",
  "average",
  "scale",
]);

function arrayPort(port: ContractTensor): ArrayPort | undefined {
  const { dtype, role } = port;
  if (!arrayRoles.has(role)) return undefined;
  const shape = (port.shape ?? []).filter((extent) => typeof extent === "number");
  const isKnown = port.shape !== null && shape.length === port.shape.length;
  if (!isKnown || (dtype !== "float32" && dtype !== "float64")) throw new NotElementWise();
  return { ...port, dtype, shape };
}

function isOneOf<Name extends string>(names: readonly Name[], name: string): name is Name {
  return names.some((one) => one === name);
}
