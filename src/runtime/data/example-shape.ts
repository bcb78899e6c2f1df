import { InputError } from "../../graph/errors.js";
import { formatShape } from "../../graph/shapes/shape-math.js";
import { elementCount } from "../../graph/tensor.js";
import type { FedInput } from "./choose-columns.js";

/**
 * The shape of one example that an array column feeds to an input: the array's own where it fits, else the input's,
 * where it has as many elements ([28, 28] as [1, 28, 28]).
 * @throws InputError that names both shapes where the array does not fit
 */
export function shapeOfArray(input: FedInput): readonly number[] {
  const [fed] = input.columns;
  const given = fed?.column.shape ?? [];
  const wanted = withoutBatch(input);
  if (wanted === undefined || fits(given, wanted)) return given;
  const elements = elementCount(given);
  if (isKnown(wanted)) {
    if (elementCount(wanted) === elements) return wanted;
  } else {
    // Axes of extent 1 may be there or not: the others must be the same.
    const rest = given.filter((extent) => extent !== 1);
    if (
      fits(
        rest,
        wanted.filter((extent) => extent !== 1),
      )
    ) {
      let next = 0;
      return wanted.map((extent) => (extent === 1 ? 1 : (rest[next++] ?? 1)));
    }
  }
  throw new InputError(
    `${fed?.label ?? ""}, column "${fed?.column.name ?? ""}"`,
    `holds ${formatShape(given)} for each example, and ${input.role} "${input.name}" takes ${formatShape(wanted)}`,
  );
}

/**
 * The shape of one example that is made of single numbers: a vector, or what the input declares where it has as many
 * elements.
 * @param made how the numbers come about, for messages: '9 columns ("a", "b", "c" and 6 more)'
 * @throws InputError that names both counts where they differ
 */
export function shapeOfNumbers(input: FedInput, width: number, made: string): readonly number[] {
  const wanted = withoutBatch(input);
  if (wanted === undefined) return [width];
  if (isKnown(wanted)) {
    if (elementCount(wanted) === width) return wanted;
  } else if (wanted.filter((extent) => typeof extent === "string").length === 1) {
    // One free extent takes what the others leave.
    const known = elementCount(wanted.filter((extent) => typeof extent === "number"));
    if (known > 0 && width % known === 0) {
      return wanted.map((extent) => (typeof extent === "number" ? extent : width / known));
    }
  }
  const takes = isKnown(wanted) ? count(elementCount(wanted)) : formatShape(wanted);
  const option = input.role === "target" ? "--target" : "--features";
  throw new InputError(
    `${input.role} "${input.name}"`,
    `takes ${takes} for each example, and is given ${count(width)}: ${made}`,
    `choose them with ${option}`,
  );
}

/** @throws InputError for an input without a first axis for the batch */
function withoutBatch({ name, role, shape }: FedInput): readonly (number | string)[] | undefined {
  if (shape === null) return undefined;
  if (shape.length === 0) {
    throw new InputError(`${role} "${name}"`, "is one number for the whole batch, which no column can feed");
  }
  return shape.slice(1);
}

function fits(given: readonly number[], wanted: readonly (number | string)[]): boolean {
  return (
    given.length === wanted.length &&
    wanted.every((extent, axis) => typeof extent === "string" || extent === given[axis])
  );
}

function isKnown(shape: readonly (number | string)[]): shape is readonly number[] {
  return shape.every((extent) => typeof extent === "number");
}

function count(numbers: number): string {
  return numbers === 1 ? "1 number" : `${numbers} numbers`;
}
