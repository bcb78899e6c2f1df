import type { ScaleOptions } from "../../passes/scaling/scales.js";
import type { TrainOptions } from "../train-options.js";

/** One way to train among those that are compared: what it changes in the options that all have in common. */
export interface Variant {
  readonly name: string;
  readonly options: Partial<TrainOptions>;
}

/** Which variants a comparison has besides plain Adam: each strategy in each convention. */
export interface VariantChoice {
  readonly strategies: readonly NonNullable<ScaleOptions["strategy"]>[];
  readonly conventions: readonly NonNullable<ScaleOptions["convention"]>[];
  readonly gamma?: number;
  /** Each also with scales that are divided by their mean. */
  readonly withNormalized: boolean;
}

/** What all others are compared with. */
export const adam: Variant = { name: "adam", options: { optimizer: "adam", strategy: "none" } };

/** CaAdam with every strategy in every convention. */
export function caAdamVariants({ strategies, conventions, gamma, withNormalized }: VariantChoice): readonly Variant[] {
  const normalizations = withNormalized ? [false, true] : [false];
  return strategies.flatMap((strategy) =>
    conventions.flatMap((convention) =>
      normalizations.map((normalize): Variant => ({
        name: `${strategy} (${convention}${normalize ? ", normalized" : ""})`,
        options: {
          optimizer: "caadam",
          strategy,
          convention,
          normalize,
          ...(gamma === undefined ? {} : { gamma }),
        },
      })),
    ),
  );
}
