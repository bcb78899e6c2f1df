import { elementCount } from "../../graph/tensor.js";
import type { RandomNumbers } from "./random-numbers.js";

/**
 * Random matrices, one for each index of the leading axes of `shape`, whose columns are orthonormal; whose rows are,
 * where there are fewer of them. Every such matrix is as likely as any other: what is made orthogonal, by the modified
 * Gram-Schmidt process, is normally distributed (as Keras' Orthogonal, Saxe et al., arXiv 1312.6120). Its coefficients
 * are in float64, so that float32 rounds more than the process does.
 */
export function fillOrthogonal(
  values: Float32Array | Float64Array,
  shape: readonly number[],
  random: RandomNumbers,
): void {
  const [rows = 1, columns = 1] = shape.slice(-2);
  const size = rows * columns;
  const [length, count] = rows >= columns ? [rows, columns] : [columns, rows];
  for (let start = 0; start < elementCount(shape); start += size) {
    for (const [index, vector] of orthonormalVectors(count, length, random).entries()) {
      const [first, stride] = rows >= columns ? [start + index, columns] : [start + index * columns, 1];
      for (let at = 0; at < length; at++) values[first + at * stride] = vector[at] ?? 0;
    }
  }
}

function orthonormalVectors(count: number, length: number, random: RandomNumbers): readonly Float64Array[] {
  const vectors = Array.from({ length: count }, () => Float64Array.from({ length }, () => random.normal()));
  for (const [index, vector] of vectors.entries()) {
    scale(vector, 1 / Math.sqrt(dot(vector, vector)));
    for (let later = index + 1; later < count; later++) {
      const other = vectors[later];
      if (other !== undefined) subtract(other, vector, dot(other, vector));
    }
  }
  return vectors;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += (a[index] ?? 0) * (b[index] ?? 0);
  return sum;
}

function scale(vector: Float64Array, factor: number): void {
  for (let index = 0; index < vector.length; index++) vector[index] = (vector[index] ?? 0) * factor;
}

function subtract(from: Float64Array, vector: Float64Array, factor: number): void {
  for (let index = 0; index < from.length; index++) from[index] = (from[index] ?? 0) - factor * (vector[index] ?? 0);
}
