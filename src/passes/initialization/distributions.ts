import type { RandomNumbers } from "./random-numbers.js";

/** A distribution around 0 that weights are drawn from. */
export interface Distribution {
  /** One line for help texts. */
  readonly summary: string;
  /** One number of a standard deviation of 1. */
  readonly draw: (random: RandomNumbers) => number;
}

/** The standard deviation of a standard normal distribution that is cut off at -2 and 2. */
const TRUNCATED_DEVIATION = 0.87962566103423978;

/** The distributions by name. */
export const distributions: ReadonlyMap<DistributionName, Distribution> = new Map([
  ["uniform", { summary: "between -√3 and √3 standard deviations", draw: uniform }],
  ["normal", { summary: "normal", draw: (random: RandomNumbers) => random.normal() }],
  ["truncated-normal", { summary: "normal without its tails, as Keras' he_normal", draw: truncatedNormal }],
]);

export type DistributionName = "uniform" | "normal" | "truncated-normal";

function uniform(random: RandomNumbers): number {
  return random.symmetric() * Math.sqrt(3);
}

/** Numbers beyond 2 are drawn again, and the deviation that this takes away is given back. */
function truncatedNormal(random: RandomNumbers): number {
  let number = random.normal();
  while (Math.abs(number) > 2) number = random.normal();
  return number / TRUNCATED_DEVIATION;
}
