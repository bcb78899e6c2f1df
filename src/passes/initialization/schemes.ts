import type { Fans } from "../structure/kernel-operators.js";

/** The fan that a variance is divided by: fan-in, fan-out, or their mean. */
export type FanMode = "in" | "out" | "average";

/** How the variance of a kernel's weights follows from its fans: factor / fan. */
export interface Scheme {
  /** One line for help texts. */
  readonly summary: string;
  readonly factor: number;
  readonly fan: FanMode;
}

export type SchemeName = "he" | "glorot" | "lecun";

/** The schemes by name. */
export const schemes: ReadonlyMap<SchemeName, Scheme> = new Map<SchemeName, Scheme>([
  // He et al., arXiv 1502.01852, equation 10; PyTorch's kaiming with its gain √2 for ReLU.
  ["he", { summary: "variance 2 / fan-in, for ReLU and its kin (Kaiming)", factor: 2, fan: "in" }],
  // Glorot and Bengio, AISTATS 2010, equation 16; PyTorch's xavier.
  ["glorot", { summary: "variance 2 / (fan-in + fan-out), for tanh and sigmoid (Xavier)", factor: 1, fan: "average" }],
  // LeCun et al., Efficient BackProp, 1998, equation 16.
  ["lecun", { summary: "variance 1 / fan-in", factor: 1, fan: "in" }],
]);

/** The standard deviation that a scheme gives the weights of a kernel, divided by what fan `mode` says. */
export function deviationOf(
  { factor, fan }: Scheme,
  { fanIn, fanOut }: Pick<Fans, "fanIn" | "fanOut">,
  mode: FanMode = fan,
): number {
  const weights = { in: fanIn, out: fanOut, average: (fanIn + fanOut) / 2 }[mode];
  return Math.sqrt(factor / Math.max(weights, 1));
}
