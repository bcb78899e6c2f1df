import { distributions, type InitializationOptions, schemes } from "../src/index.js";
import { number, summaries } from "./options.js";

const fans = ["in", "out", "average"] as const;

/** How weights are drawn, as people say it. */
export interface WeightOptions {
  readonly scheme: InitializationOptions["scheme"];
  readonly distribution: NonNullable<InitializationOptions["distribution"]>;
  readonly fan: InitializationOptions["fan"];
  readonly gain: number | undefined;
  readonly seed: number | undefined;
}

/** The options of {@link WeightOptions}. */
export const weightOptions = {
  scheme: { choices: [...schemes.keys()], describe: `How far weights spread\n${summaries(schemes)}` },
  distribution: {
    choices: [...distributions.keys()],
    default: "uniform" as const,
    describe: summaries(distributions),
  },
  fan: {
    choices: fans,
    defaultDescription: "the scheme's",
    describe: "The fan of the scale table that the variance is divided by",
  },
  gain: { ...number("gain", "A factor on the standard deviation, on top of the scheme"), defaultDescription: "1" },
  seed: { ...number("seed", "Same seed, same weights"), defaultDescription: "0" },
} as const;

/** The options that were given, as the library takes them. */
export function givenWeightOptions({ scheme, distribution, fan, gain, seed }: WeightOptions): InitializationOptions {
  return {
    distribution,
    ...(gain === undefined ? {} : { gain }),
    ...(seed === undefined ? {} : { seed }),
    ...(scheme === undefined ? {} : { scheme }),
    ...(fan === undefined ? {} : { fan }),
  };
}
