import type { Emitter, Value } from "../../graph/emitter.js";
import { attributesOf } from "../../graph/builder.js";
import { bodiesOf } from "../../graph/bodies.js";
import { InputError } from "../../graph/errors.js";
import { describeNode, type Graph, type Node } from "../../graph/model.js";
import type { Replayed } from "../../graph/replay.js";
import type { Tensor } from "../../graph/tensor.js";
import { decompose } from "../decompose/index.js";

/**
 * What batch normalization does: normalize with the statistics of the batch and move the running ones; normalize with
 * the running ones, which are inputs; or normalize with what the file has, as constants.
 */
export type BatchNormMode = "training" | "running" | "frozen";

/** A running statistic. */
export interface Buffer {
  readonly name: string;
  readonly dataType: Tensor["dataType"];
  readonly shape: readonly number[];
  readonly value: Value;
  /** What it is after this batch; undefined where the batch does not move it. */
  readonly updated: Value | undefined;
}

/** The batch normalizations of one graph. */
export class BatchNormalizations {
  readonly #outermost: Emitter;
  readonly #mode: BatchNormMode;
  /** Initializers that are running statistics. */
  readonly #names: ReadonlySet<string>;
  readonly #buffers = new Map<string, Buffer>();

  constructor(graph: Graph, outermost: Emitter, mode: BatchNormMode) {
    this.#outermost = outermost;
    this.#mode = mode;
    this.#names = new Set(mode === "frozen" ? [] : statisticsOf(graph));
  }

  get buffers(): readonly Buffer[] {
    return [...this.#buffers.values()];
  }

  /** The input that stands for a running statistic; undefined for other initializers. */
  buffer({ name, dataType, shape }: Tensor, emitter: Emitter): Value | undefined {
    if (!this.#names.has(name)) return undefined;
    const known = this.#buffers.get(name)?.value;
    if (known !== undefined) return known;
    const value = emitter.input(name, { dataType, shape });
    this.#buffers.set(name, { name, dataType, shape, value, updated: undefined });
    return value;
  }

  /** Emits a batch normalization in this mode; undefined for other nodes. */
  rewrite({ emitter, node, inputs }: Replayed): readonly (Value | undefined)[] | undefined {
    if (node.domain !== "" || node.opType !== "BatchNormalization") return undefined;
    const [, , , mean, variance] = inputs.map((input) => input?.name);
    if (this.#mode !== "training") {
      // Statistics that do not move are put out as they came in.
      return [emitted(emitter, inMode(node, 0, node.outputs.slice(0, 1)), inputs)[0], inputs[3], inputs[4]];
    }
    if (emitter !== this.#outermost) {
      const what = "would move its running statistics inside of a body of control flow, which cannot hand them out";
      throw new InputError(describeNode(node), what, "keep them with --freeze-batch-norm");
    }
    // A layer that is applied twice goes on from where its first application left the statistics.
    const current = inputs.map((input, index) => (index < 3 ? input : (this.#updated(input?.name) ?? input)));
    const names = [node.outputs[0] ?? node.name, `${mean ?? "mean"}.updated`, `${variance ?? "variance"}.updated`];
    const outputs = emitted(emitter, inMode(node, 1, names), current);
    this.#move(mean, outputs[1]);
    this.#move(variance, outputs[2]);
    return outputs;
  }

  #updated(name: string | undefined): Value | undefined {
    return name === undefined ? undefined : this.#buffers.get(name)?.updated;
  }

  #move(name: string | undefined, updated: Value | undefined): void {
    const buffer = name === undefined ? undefined : this.#buffers.get(name);
    if (buffer !== undefined) this.#buffers.set(buffer.name, { ...buffer, updated });
  }
}

function emitted(emitter: Emitter, node: Node, inputs: readonly (Value | undefined)[]) {
  return decompose({ emitter, node, inputs }) ?? emitter.emit({ ...node, inputs });
}

function inMode(node: Node, trainingMode: 0 | 1, outputs: readonly string[]): Node {
  const attributes = new Map([...node.attributes, ...attributesOf({ training_mode: trainingMode })]);
  return { ...node, attributes, outputs };
}

/** The initializers that are statistics, or that Identity nodes hand on as such. */
function statisticsOf(graph: Graph): readonly string[] {
  const sources = new Map(
    graph.nodes.flatMap(({ opType, inputs, outputs }) =>
      opType === "Identity" ? [[outputs[0] ?? "", inputs[0] ?? ""] as const] : [],
    ),
  );
  const sourceOf = (name: string): string => {
    // Each Identity is passed once at most, so that a damaged graph does not go round for ever.
    let found = name;
    for (let left = sources.size; left > 0 && sources.has(found); left--) found = sources.get(found) ?? found;
    return found;
  };
  return graph.nodes.flatMap((node) => [
    ...(node.domain === "" && node.opType === "BatchNormalization" ? node.inputs.slice(3, 5).map(sourceOf) : []),
    ...bodiesOf(node).flatMap(statisticsOf),
  ]);
}
