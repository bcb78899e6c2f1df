import { InputError } from "../../graph/errors.js";
import { elementCount, readFloats, tensorFrom } from "../../graph/tensor.js";
import { classAxisOf } from "../../passes/loss/loss.js";
import type { HostTensor } from "../host-tensor.js";
import { type MetricContext, taskOf } from "./metric.js";

/**
 * A tensor of predictions as rows of columns. Columns are what one example has several of: classes, questions, numbers;
 * they lie along the axis of the classes as losses have it (the loss's own, by default the last of rank 3, else axis
 * 1). All other axes make rows.
 */
export interface Columns {
  readonly rows: number;
  readonly columns: number;
  /** Where in the tensor an element is. */
  readonly indexOf: (row: number, column: number) => number;
}

/** @throws InputError for classes along an axis that the prediction lacks */
export function columnsOf({ dims, type }: HostTensor, { loss }: MetricContext): Columns {
  const elements = elementCount(dims);
  // A vector holds one number for each example, except where they are the classes of a single one.
  if (dims.length < 2 && taskOf(loss) !== "classes") return { rows: elements, columns: 1, indexOf: (row) => row };
  const axis = classAxisOf({ name: loss.output, dataType: type, shape: dims }, loss);
  const columns = dims[axis] ?? 1;
  const inner = elementCount(dims.slice(axis + 1));
  return {
    rows: columns === 0 ? 0 : elements / columns,
    columns,
    indexOf: (row, column) => {
      const within = row % inner;
      return (row - within) * columns + column * inner + within;
    },
  };
}

/** The elements as numbers. @throws InputError for text */
export function numbersOf(tensor: HostTensor): ArrayLike<number> {
  switch (tensor.type) {
    case "int64":
    case "uint64":
      return Float64Array.from(tensor.data, Number);
    case "float16": {
      const { buffer, byteOffset, byteLength } = tensor.data;
      return readFloats(
        tensorFrom("prediction", "float16", tensor.dims, new Uint8Array(buffer, byteOffset, byteLength)),
        "float32",
      );
    }
    case "string":
      throw new InputError("metrics", "measure numbers, and were given text");
    default:
      return tensor.data;
  }
}

/** @throws InputError for targets of another shape than expected */
export function refuseUnlike(prediction: HostTensor, target: HostTensor): never {
  throw new InputError(
    "targets",
    `have the shape [${target.dims.join(", ")}], and the predictions [${prediction.dims.join(", ")}]`,
  );
}
