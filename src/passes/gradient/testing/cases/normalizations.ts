import fc from "fast-check";
import { axisOf, numbersBetween, operand, shapes, tensorApart } from "../arbitraries.js";
import type { OperandCase, OperatorCase } from "../operator-case.js";

const anyNumber = numbersBetween(-2, 2);
const positive = numbersBetween(0.5, 2);

/** [N, C, ...], of which more than one element is normalized together. */
const images = fc
  .tuple(fc.integer({ min: 2, max: 3 }), fc.integer({ min: 1, max: 3 }), shapes(0, 2))
  .map(([batch, channels, spatial]) => [batch, channels, ...spatial]);

/** As {@link images}, with at least three elements in a channel of an example. */
const wideImages = fc
  .tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 3 }), fc.integer({ min: 3, max: 4 }))
  .map((shape): readonly number[] => shape);

function channelsOf(shape: readonly number[]): number {
  return shape[1] ?? 1;
}

function withChannels(
  op: string,
  inputs: fc.Arbitrary<readonly number[]>,
  attributes: (shape: readonly number[]) => OperatorCase["attributes"] = () => ({}),
): fc.Arbitrary<OperatorCase> {
  return inputs
    .chain((shape) =>
      fc.tuple(tensorApart(shape), operand([channelsOf(shape)], anyNumber), operand([channelsOf(shape)], anyNumber)),
    )
    .map(([x, scale, bias]) => ({ op, attributes: attributes(x.shape) ?? {}, inputs: [x, scale, bias] }));
}

const batchNormalization: fc.Arbitrary<OperatorCase> = fc
  .tuple(withChannels("BatchNormalization", images), fc.boolean())
  .chain(([base, isTraining]) => {
    const channels = base.inputs[1]?.shape ?? [];
    return fc.tuple(operand(channels, anyNumber), operand(channels, positive)).map(([mean, variance]) => ({
      ...base,
      inputs: [...base.inputs, mean, variance],
      ...(isTraining ? { attributes: { training_mode: 1, momentum: { float: 0.75 } }, outputs: 3 } : {}),
    }));
  });

/** Over the last axes, with a scale and biases of their shape. */
function overLastAxes(op: string, parameters: number): fc.Arbitrary<OperatorCase> {
  return fc
    .tuple(shapes(0, 2), fc.integer({ min: 3, max: 4 }))
    .map(([leading, last]) => [...leading, last])
    .chain((shape) => fc.tuple(tensorApart(shape), axisOf(shape)))
    .chain(([x, axis]) => {
      const own = operand(x.shape.slice(axis), anyNumber);
      return fc
        .tuple(...Array.from({ length: parameters }, () => own))
        .map((others: readonly OperandCase[]) => ({ op, attributes: { axis }, inputs: [x, ...others] }));
    });
}

/** Applications of normalizations, by operator. */
export const normalizationCases: Readonly<Record<string, fc.Arbitrary<OperatorCase>>> = {
  BatchNormalization: batchNormalization,
  LayerNormalization: overLastAxes("LayerNormalization", 2),
  RMSNormalization: overLastAxes("RMSNormalization", 1),
  SimplifiedLayerNormalization: overLastAxes("SimplifiedLayerNormalization", 1),
  InstanceNormalization: withChannels("InstanceNormalization", wideImages),
  GroupNormalization: withChannels("GroupNormalization", wideImages, (shape) => ({
    num_groups: channelsOf(shape) === 2 ? 2 : 1,
    stash_type: 11,
  })),
  MeanVarianceNormalization: fc
    .tuple(tensorApart([2, 2, 2, 2]), fc.constantFrom([0, 2, 3], [1, 2, 3], [2, 3]))
    .map(([x, axes]) => ({ op: "MeanVarianceNormalization", attributes: { axes }, inputs: [x] })),
  LRN: fc
    .tuple(operand([1, 4, 1, 2], anyNumber), fc.constantFrom(1, 3, 5))
    .map(([x, size]) => ({ op: "LRN", attributes: { size, alpha: { float: 0.5 } }, inputs: [x] })),
};
