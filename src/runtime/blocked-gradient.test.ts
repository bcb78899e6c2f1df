import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { float32Tensor, type GraphBuilder, graphBuilder, int64Tensor, modelOf } from "../graph/builder.js";
import type { Model } from "../graph/model.js";
import { temporaryFolder } from "../graph/testing/files.js";
import { stepNumbers } from "../passes/optimizer/step-numbers.js";
import { planTraining } from "../passes/training/rewrite.js";
import { channelBlock } from "./channel-block.js";
import type { Batch } from "./data/dataset.js";
import { Engine } from "./engine.js";
import { initialValues } from "./initial-values.js";
import { bitsOf, drawn, numbersOf, trained } from "./testing/small-trainings.js";
import { copied, type Values } from "./training-state.js";

const block = await channelBlock();

/** Images on their way through a network. */
interface Images {
  readonly value: string;
  readonly channels: number;
  readonly extent: number;
}

/** A layer, of which some fit some images; undefined for others. */
type Layer = (builder: GraphBuilder, images: Images, seed: number) => Images | undefined;

/** The extent of what a convolution makes. */
function convolvedExtent(extent: number, { taps, stride, dilation, pads }: Windows): number {
  return Math.floor((extent + pads[0] + pads[1] - (taps - 1) * dilation - 1) / stride) + 1;
}

interface Windows {
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
  readonly pads: readonly [number, number];
}

const windows = fc.record<Windows>({
  taps: fc.constantFrom(1, 2, 3, 5, 9),
  stride: fc.constantFrom(1, 1, 2, 3),
  dilation: fc.constantFrom(1, 1, 2),
  pads: fc.tuple(fc.nat(2), fc.nat(2)),
});

/** What normalizes a channel of nearly equal numbers enlarges their rounding. */
function awayFromZero(number: number): number {
  return number + Math.sign(number);
}

function convolution(outputs: number | "depthwise", window: Windows, hasBias: boolean): Layer {
  return (builder, { value, channels, extent }, seed) => {
    const count = convolvedExtent(extent, window);
    if (count < 1) return undefined;
    const [made, perGroup] = outputs === "depthwise" ? [channels, 1] : [outputs, channels];
    const { taps, stride, dilation, pads } = window;
    const size = made * perGroup * taps * taps;
    const scale = 1 / Math.sqrt(perGroup * taps * taps);
    const numbers = drawn(size, seed).map((number) => awayFromZero(number) * scale);
    const weights = builder.initializer(float32Tensor(`w${seed}`, [made, perGroup, taps, taps], numbers));
    const bias = hasBias ? [builder.initializer(float32Tensor(`b${seed}`, [made], drawn(made, seed + 1)))] : [];
    const attributes = {
      strides: [stride, stride],
      dilations: [dilation, dilation],
      pads: [pads[0], pads[0], pads[1], pads[1]],
      group: outputs === "depthwise" ? channels : 1,
    };
    return { value: builder.node("Conv", [value, weights, ...bias], attributes), channels: made, extent: count };
  };
}

const normalization: Layer = (builder, { value, channels, extent }, seed) => {
  const vectors = [
    float32Tensor(
      `scale${seed}`,
      [channels],
      drawn(channels, seed).map((number) => number + 1.5),
    ),
    float32Tensor(`shift${seed}`, [channels], drawn(channels, seed + 1)),
    float32Tensor(`mean${seed}`, [channels], drawn(channels, seed + 2)),
    float32Tensor(
      `variance${seed}`,
      [channels],
      drawn(channels, seed + 3).map((number) => number + 1.5),
    ),
  ];
  const inputs = vectors.map((tensor) => builder.initializer(tensor));
  const normal = builder.node("BatchNormalization", [value, ...inputs], { momentum: { float: 0.8 } });
  return { value: normal, channels, extent };
};

/** y = f(x), and what skips it. */
function activation(opType: string, isResidual: boolean): Layer {
  return (builder, { value, channels, extent }) => {
    const active = builder.node(opType, [value]);
    return { value: isResidual ? builder.node("Add", [active, value]) : active, channels, extent };
  };
}

/** A convolution of x beside x. */
function beside(opType: string, isFirst: boolean, isDepthwise: boolean): Layer {
  return (builder, images, seed) => {
    const window = { taps: 3, stride: 1, dilation: 1, pads: [1, 1] } as const;
    const outputs = isDepthwise ? "depthwise" : images.channels;
    const convolved = convolution(outputs, window, true)(builder, images, seed)?.value ?? "";
    const operands = isFirst ? [convolved, images.value] : [images.value, convolved];
    return { ...images, value: builder.node(opType, operands) };
  };
}

/** A number for each channel. */
function scaling(opType: string, isFirst: boolean): Layer {
  return (builder, { value, channels, extent }, seed) => {
    const numbers = drawn(channels, seed).map(awayFromZero);
    const vector = builder.initializer(float32Tensor(`v${seed}`, [channels, 1, 1], numbers));
    const operands = isFirst ? [vector, value] : [value, vector];
    return { value: builder.node(opType, operands), channels, extent };
  };
}

const pooling: Layer = (builder, { value, channels, extent }) =>
  extent < 2
    ? undefined
    : {
        value: builder.node("AveragePool", [value], { kernel_shape: [2, 2], strides: [2, 2] }),
        channels,
        extent: Math.floor(extent / 2),
      };

const b = block ?? 16;
const layers = fc.array(
  fc.oneof<fc.Arbitrary<Layer>[]>(
    fc
      .tuple(fc.constantFrom<(number | "depthwise")[]>(b, 2 * b, b + 1, "depthwise"), windows, fc.boolean())
      .map((all) => convolution(...all)),
    fc.constant(normalization),
    fc.tuple(fc.constantFrom("Tanh", "Sigmoid", "Softplus", "Elu"), fc.boolean()).map((all) => activation(...all)),
    fc.tuple(fc.constantFrom("Add", "Sub", "Mul"), fc.boolean()).map((all) => scaling(...all)),
    fc.tuple(fc.constantFrom("Add", "Sub"), fc.boolean(), fc.boolean()).map((all) => beside(...all)),
    fc.constant(pooling),
  ),
  { minLength: 1, maxLength: 6 },
);

/** Images of `channels` through layers, and the mean of what they become through a matrix to y [batch, 3]. */
function network(channels: number, extent: number, all: readonly Layer[], batch: number | string = "batch"): Model {
  const builder = graphBuilder("network");
  const first: Images = { value: builder.input("x", "float32", [batch, channels, extent, extent]), channels, extent };
  const last = all.reduce((images, layer, index) => layer(builder, images, 100 * index + 1) ?? images, first);
  const mean = builder.node("Flatten", [builder.node("GlobalAveragePool", [last.value])]);
  const weights = float32Tensor("matrix", [last.channels, 3], drawn(3 * last.channels, 7));
  builder.node("MatMul", [mean, builder.initializer(weights)], {}, { outputs: ["y"] });
  builder.output("y", "float32", [batch, 3]);
  return modelOf(builder.graph());
}

function batchFor(channels: number, extent: number, size: number): Batch {
  const x = Float32Array.from(drawn(size * channels * extent * extent, 3));
  const target = Float32Array.from(drawn(size * 3, 4));
  return {
    x: { type: "float32", data: x, dims: [size, channels, extent, extent] },
    target: { type: "float32", data: target, dims: [size, 3] },
  };
}

/** Loss, gradients and running statistics after a step in each way. */
async function steps(model: Model, batches: readonly Batch[], fullBatch = batches[0]?.["x"]?.dims[0] ?? 0) {
  const plan = planTraining(model, { loss: "mse", optimizer: "sgd" }, { gradient: true, evaluation: true });
  const found = async (inBlocksOf: number | undefined) => {
    const engine = await Engine.open(plan, initialValues(model, plan), { threads: 1 }, inBlocksOf);
    try {
      const losses: number[] = [];
      for (const batch of batches) losses.push(await engine.gradient(batch, 0, fullBatch));
      const values = copied(new Map([...engine.state.views("gradient"), ...engine.state.views("buffer")]));
      await engine.update(stepNumbers(plan.optimizer, 0.01, 1, "float32"), true);
      const [batch = {}] = batches;
      const { loss } = await engine.evaluate(batch, new Set());
      return { losses: [...losses, loss], values };
    } finally {
      await engine.close();
    }
  };
  return { plain: await found(undefined), blocked: await found(b) };
}

/** Sums in another order: some units in the last place of the largest numbers. */
const TOLERANCE = 5e-5;

/**
 * Expects the same numbers, relative to the greatest of all. What normalization takes away again, such as a bias, has
 * gradients of rounding alone.
 */
function expectSame(found: Values, expected: Values, { graph }: Model): void {
  const isNormalized = graph.nodes.some(({ opType }) => opType === "BatchNormalization");
  const names = [...expected.keys()].filter((name) => !isNormalized || !/^[bv]\d/u.test(name));
  const greatest = Math.max(...names.flatMap((name) => numbersOf(expected, name).map(Math.abs)));
  for (const name of names) {
    const numbers = numbersOf(found, name);
    const differences = numbersOf(expected, name).map((number, index) => Math.abs(number - (numbers[index] ?? NaN)));
    expect(Math.max(...differences), name).toBeLessThanOrEqual(greatest * TOLERANCE);
  }
}

describe.skipIf(block === undefined)(
  "what is computed in blocks of channels is what standard operators compute",
  () => {
    it("for any layers", async () => {
      const cases = fc.record({
        channels: fc.constantFrom(b, 2 * b, 3, 1),
        extent: fc.integer({ min: 3, max: 12 }),
        size: fc.constantFrom(3, b),
        taps: fc.constantFrom(3, 3, 9),
        all: layers,
      });
      await fc.assert(
        fc.asyncProperty(cases, async ({ channels, extent, size, taps, all }) => {
          const first = convolution(b, { taps, stride: 1, dilation: 1, pads: [4, 4] }, true);
          const model = network(channels, extent, [first, ...all]);
          const { plain, blocked } = await steps(model, [batchFor(channels, extent, size)], size);
          for (const [index, loss] of plain.losses.entries()) {
            expect(Math.abs((blocked.losses[index] ?? NaN) - loss)).toBeLessThan(TOLERANCE * (1 + loss));
          }
          expectSame(blocked.values, plain.values, model);
        }),
        { numRuns: 60, seed: 5 },
      );
    });

    const first = convolution(b, { taps: 3, stride: 1, dilation: 1, pads: [1, 1] }, false);

    it("for planes whose rows are added up one by one", async () => {
      const model = network(b, 72, [first, normalization, activation("Tanh", true), normalization]);
      const { plain, blocked } = await steps(model, [batchFor(b, 72, 2)], 2);
      expectSame(blocked.values, plain.values, model);
    });

    it("where something between is of another type", async () => {
      const casting =
        (to: number): Layer =>
        (builder, images) => ({
          ...images,
          value: builder.node("Cast", [images.value], { to }),
        });
      const model = network(b, 8, [first, casting(11), casting(1), casting(6), casting(1)]);
      const { plain, blocked } = await steps(model, [batchFor(b, 8, 2)], 2);
      expectSame(blocked.values, plain.values, model);
    });

    it("for streams, whose first batch says how large the others are", async () => {
      const model = network(3, 8, [first, normalization]);
      const { plain, blocked } = await steps(model, [batchFor(3, 8, b), batchFor(3, 8, 5)]);
      expectSame(blocked.values, plain.values, model);
    });

    it("and goes on saying so to a training that is resumed", async () => {
      const model = network(3, 8, [first, activation("Tanh", false)]);
      const batches = [batchFor(3, 8, b), batchFor(3, 8, 5), batchFor(3, 8, b), batchFor(3, 8, 5)];
      const options = { loss: "mse", epochs: 1, threads: 1 } as const;
      const undisturbed = await trained(model, { training: () => batches }, options);
      const checkpoints = { folder: temporaryFolder() };
      const controller = new AbortController();
      const aborting = function* () {
        yield* batches.slice(0, 1);
        controller.abort();
        yield* batches.slice(1);
      };
      await trained(model, { training: aborting }, { ...options, checkpoints, signal: controller.signal });
      const resumed = { ...options, checkpoints: { ...checkpoints, resume: true } };
      const { result } = await trained(model, { training: () => batches }, resumed);
      expect(result.step).toBe(4);
      expect(bitsOf(result.values)).toEqual(bitsOf(undisturbed.result.values));
    });

    it("for a model that does not take batches of the usual size", async () => {
      const flat: Layer = (builder, { value, channels, extent }) => {
        const shape = builder.initializer(int64Tensor("shape", [2, channels, extent, extent]));
        return { value: builder.node("Reshape", [value, shape]), channels, extent };
      };
      const model = network(b, 8, [first, flat]);
      const { plain, blocked } = await steps(model, [batchFor(b, 8, 2)], 32);
      expectSame(blocked.values, plain.values, model);
    });

    it("and a batch of another shape is refused in the same words", async () => {
      const model = network(b, 8, [first]);
      const { x, target } = batchFor(b, 8, 2);
      if (x?.type !== "float32" || target === undefined) throw new Error("x is of float32");
      const deep = { x: { ...x, dims: [...x.dims, 1] }, target };
      const wanted = /"x": has the shape \[2, \d+, 8, 8, 1\], and should have \[batch, \d+, 8, 8\]/u;
      await expect(steps(model, [deep], 2)).rejects.toThrow(wanted);
      const plan = planTraining(model, { loss: "mse" }, { gradient: true, evaluation: false });
      const engine = await Engine.open(plan, initialValues(model, plan), {}, b);
      await expect(engine.gradient(deep, 0, 2)).rejects.toThrow(wanted);
      await engine.close();
    });

    it("also where the file says how large a batch is", async () => {
      const model = network(b, 8, [first, normalization], 4);
      const { plain, blocked } = await steps(model, [batchFor(b, 8, 4)], 4);
      expectSame(blocked.values, plain.values, model);
    });

    it("also for a batch that is smaller than the others", async () => {
      const model = network(3, 8, [first, normalization]);
      const batches = [batchFor(3, 8, b), batchFor(3, 8, 5)];
      const { plain, blocked } = await steps(model, batches, b);
      expectSame(blocked.values, plain.values, model);
    });
  },
);
