import type { GradientNormsEvent } from "../events.js";

/** Gradient norms by layer and epoch. */
export interface GradientNorms {
  readonly epochs: readonly number[];
  readonly layers: readonly {
    readonly name: string;
    /** The Euclidean norm of the layer's gradient at each of the epochs; null where it was not reported. */
    readonly gradient: readonly (number | null)[];
    /** That norm divided by the norm of the layer's parameters. */
    readonly relative: readonly (number | null)[];
  }[];
}

/** More epochs than these are thinned out evenly. */
const MOST_EPOCHS = 100;

/**
 * Gradient norms by layer: the root of the sum of the squares of its parameters' norms.
 * @param layers names of layers and of their parameters, in the order to show
 */
export function gradientNormsByLayer(
  events: readonly GradientNormsEvent[],
  layers: readonly { readonly name: string; readonly parameters: readonly string[] }[],
): GradientNorms {
  // After a resumption an epoch may have been reported before; the later report counts.
  const all = [...new Map(events.map((event) => [event.epoch, event])).values()].toSorted((a, b) => a.epoch - b.epoch);
  const step = Math.max((all.length - 1) / (MOST_EPOCHS - 1), 1);
  const shown = all.filter((_, index) => Math.round(Math.round(index / step) * step) === index);
  const rows = layers.map(({ name, parameters }) => {
    const norms = shown.map((event) => parameters.flatMap((parameter) => event.norms[parameter] ?? []));
    const gradient = norms.map((of) => length(of.map((norm) => norm.gradient)));
    const weights = norms.map((of) => length(of.map((norm) => norm.parameter)));
    const relative = gradient.map((norm, index) => ratio(norm, weights[index] ?? null));
    return { name, gradient: gradient.map(rounded), relative: relative.map(rounded) };
  });
  return {
    epochs: shown.map(({ epoch }) => epoch),
    layers: rows.filter(({ gradient }) => gradient.some((norm) => norm !== null)),
  };
}

function length(norms: readonly number[]): number | null {
  return norms.length === 0 ? null : Math.hypot(...norms);
}

function ratio(norm: number | null, weights: number | null): number | null {
  return norm === null || weights === null || weights === 0 ? null : norm / weights;
}

/** The report shows no more, and stays small. */
function rounded(value: number | null): number | null {
  return value === null ? null : Number(value.toPrecision(4));
}
