import { drawBelow, type Random, randomOf } from "./random.js";

/** In which order examples come. */
export interface OrderOptions {
  readonly seed: number;
  /** From 1. */
  readonly epoch: number;
  /** By default true: another order in every epoch. */
  readonly shuffle?: boolean;
}

/** The numbers 0 to count − 1 in an order that depends on seed and epoch alone, or, without shuffling, as they are. */
export function epochOrder(count: number, { seed, epoch, shuffle = true }: OrderOptions): Uint32Array {
  return shuffle ? permutation(count, randomOf(seed, "order", epoch)) : ascending(count);
}

/** The numbers 0 to count − 1, in one of all orders, each as likely as any other (Fisher and Yates). */
export function permutation(count: number, random: Random): Uint32Array {
  const order = ascending(count);
  for (let last = count - 1; last > 0; last--) {
    const other = drawBelow(random, last + 1);
    const value = order[last] ?? 0;
    order[last] = order[other] ?? 0;
    order[other] = value;
  }
  return order;
}

/** The numbers 0 to count − 1. */
export function ascending(count: number): Uint32Array {
  const numbers = new Uint32Array(count);
  for (let index = 0; index < count; index++) numbers[index] = index;
  return numbers;
}
