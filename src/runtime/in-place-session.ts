import { type InferenceSession, Tensor } from "onnxruntime-node";
import { valueNames } from "../graph/bodies.js";
import { graphBuilder, modelOf } from "../graph/builder.js";
import type { Model, Node, ValueInfo } from "../graph/model.js";
import { UniqueNames } from "../graph/unique-names.js";
import { type Computing, notComputed, openSession, type Tensors } from "./session.js";

/**
 * A graph that ONNX Runtime is ready to run, with results in memory that is given and nowhere else.
 *
 * The binding of Node (1.30; microsoft/onnxruntime#32346) makes a copy in new memory of every output of a run, also of
 * one that it has written where it was asked to: of all gradients, in every step. Therefore the graph gets another
 * output in front, a sequence, which the binding cannot hand over. It says so when all is computed and nothing is
 * copied. Whether it does is tried out once; where it does not, and where copies take less time, runs end as usual.
 */
export class InPlaceSession {
  readonly #session: InferenceSession;
  readonly #ending: Ending | undefined;
  /** What is asked for, by the outputs that are wanted. */
  readonly #fetches = new WeakMap<Tensors, Fetches>();

  private constructor(session: InferenceSession, ending: Ending | undefined) {
    this.#session = session;
    this.#ending = ending;
  }

  /** @throws InputError where the runtime does not take the graph, such as for types that it has no kernels for */
  static async open(model: Model, options: Computing = {}): Promise<InPlaceSession> {
    const message = await messageOfSequences();
    if (message === undefined) return new InPlaceSession(await openSession(model, options), undefined);
    const ending = { message, output: new UniqueNames(valueNames(model.graph)).next("sequence") };
    return new InPlaceSession(await openSession(withSequence(model, ending.output), options), ending);
  }

  /**
   * @param outputs where to write all outputs
   * @throws InputError for what the runtime refuses to compute
   */
  async run(feeds: Tensors, outputs: Tensors): Promise<void> {
    try {
      await this.#session.run(feeds, this.#fetchesFor(outputs));
    } catch (error) {
      if (messageOf(error) !== this.#ending?.message) throw notComputed(error);
    }
  }

  async close(): Promise<void> {
    await this.#session.release();
  }

  #fetchesFor(outputs: Tensors): Fetches {
    const known = this.#fetches.get(outputs);
    if (known !== undefined) return known;
    const arrays = Object.values(outputs).map(({ data }) => (ArrayBuffer.isView(data) ? data.byteLength : 0));
    const bytes = arrays.reduce((sum, one) => sum + one, 0);
    const isCopied = this.#ending === undefined || (arrays.length <= FEW_OUTPUTS && bytes <= FEW_BYTES);
    const fetches = isCopied ? outputs : { [this.#ending.output]: null, ...outputs };
    this.#fetches.set(outputs, fetches);
    return fetches;
  }
}

/** Outputs of a run, with null for those that have no memory yet. */
type Fetches = Readonly<Record<string, Tensor | null>>;

/**
 * To throw and catch what the binding says takes as long (8 µs) as to copy so many outputs and these bytes, and to
 * collect the copies.
 */
const [FEW_OUTPUTS, FEW_BYTES] = [4, 2 ** 14];

/** How a run ends that gives a sequence. */
interface Ending {
  /** The name of the sequence. */
  readonly output: string;
  readonly message: string;
}

let triedMessage: Promise<string | undefined> | undefined;

/** What the binding says of a sequence among the outputs of a run; undefined where it says so before the run, or nothing. */
function messageOfSequences(): Promise<string | undefined> {
  return (triedMessage ??= tryOut());
}

async function tryOut(): Promise<string | undefined> {
  const g = graphBuilder("in place");
  const x = g.input("x", "float32", [2]);
  for (const y of ["y", "z"]) g.output(g.node("Neg", [x], {}, { outputs: [y] }), "float32", [2]);
  const tensor = (data: Float32Array) => new Tensor("float32", data, [2]);
  const written = [new Float32Array(2), new Float32Array(2)] as const;
  try {
    const session = await openSession(withSequence(modelOf(g.graph()), "sequence"), { threads: 1 });
    try {
      const outputs = { sequence: null, y: tensor(written[0]), z: tensor(written[1]) };
      await session.run({ x: tensor(Float32Array.of(1, 2)) }, outputs);
      return undefined;
    } catch (error) {
      return written.every(([first, second]) => first === -1 && second === -2) ? messageOf(error) : undefined;
    } finally {
      await session.release();
    }
  } catch {
    // A runtime without sequences.
    return undefined;
  }
}

/** The model with an empty sequence as its first output. */
function withSequence(model: Model, name: string): Model {
  const node: Node = {
    name,
    domain: "",
    opType: "SequenceEmpty",
    overload: "",
    inputs: [],
    outputs: [name],
    attributes: new Map(),
    metadata: new Map(),
  };
  const type: ValueInfo["type"] = { kind: "sequence", element: { kind: "tensor", dataType: "float32" } };
  const { graph } = model;
  return {
    ...model,
    graph: { ...graph, nodes: [node, ...graph.nodes], outputs: [{ name, type }, ...graph.outputs] },
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
