import { dataTypeOf } from "../../data-type.js";
import { integerAttribute } from "../../model.js";
import { type Facts, tensorFacts } from "../facts.js";
import type { ShapeContext, ShapeRules } from "../shape-rule.js";
import { formatShape, normalizedAxis } from "../shape-math.js";

/** Y is like X. */
function likeInput({ input }: ShapeContext): readonly Facts[] {
  const { dataType, shape } = input(0);
  return [tensorFacts(dataType, shape)];
}

/** Y is like X [N, C, ...]; scale and bias are [C]. */
function perChannel(context: ShapeContext): readonly Facts[] {
  const x = context.shape(0);
  const channels = x?.[1];
  for (const parameter of context.inputs.slice(1)) {
    const [extent] = parameter?.shape ?? [];
    if (x !== undefined && typeof channels === "number" && typeof extent === "number" && channels !== extent) {
      context.fail(`has ${extent} scales, biases or statistics for the channels of ${formatShape(x)}`);
    }
  }
  return likeInput(context);
}

/** Y like X, and in training mode the new running mean and variance. */
function batchNormalization(context: ShapeContext): readonly Facts[] {
  const statistics = context.input(3);
  const running = tensorFacts(statistics.dataType, statistics.shape);
  return [...perChannel(context), running, running];
}

/** Y like X; Mean and InvStdDev have extent 1 along the normalized axes, and the type that stash_type names. */
function layerNormalization(context: ShapeContext): readonly Facts[] {
  const { dataType, shape } = context.input(0);
  const first = shape === undefined ? 0 : normalizedAxis(axisOf(context), shape.length, context);
  const reduced = shape?.map((extent, axis) => (axis < first ? extent : 1));
  const statistics = tensorFacts(dataTypeOf(integerAttribute(context.node, "stash_type", 1)), reduced);
  return [tensorFacts(dataType, shape), statistics, statistics];
}

/** Y has the shape of X and the type of scale. */
function rmsNormalization(context: ShapeContext): readonly Facts[] {
  const x = context.shape(0);
  if (x !== undefined) normalizedAxis(axisOf(context), x.length, context);
  return [tensorFacts(context.input(1).dataType, x)];
}

function axisOf({ node }: ShapeContext): number {
  return integerAttribute(node, "axis", -1);
}

/** Y like X, and which of its elements were kept. */
function dropout(context: ShapeContext): readonly Facts[] {
  return [...likeInput(context), tensorFacts("bool", context.shape(0))];
}

/** Normalizations, with the statistics that they put out, and Dropout. */
export const normalizations: ShapeRules = {
  BatchNormalization: batchNormalization,
  Dropout: dropout,
  GroupNormalization: perChannel,
  InstanceNormalization: perChannel,
  LayerNormalization: layerNormalization,
  LpNormalization: likeInput,
  LRN: likeInput,
  MeanVarianceNormalization: likeInput,
  RMSNormalization: rmsNormalization,
};
