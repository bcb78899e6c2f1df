import { describe, expect, it } from "vitest";
import type { GradientClip } from "../passes/optimizer/optimizer.js";
import type { Batch } from "./data/dataset.js";
import {
  greatestDifference,
  networks,
  stepCount,
  summaryOf,
  type Trajectory,
  trajectoriesOf,
  trajectoryBatch,
  trajectoryData,
  trajectoryModel,
  type TrajectoryOptimizer,
} from "./testing/trajectories.js";
import type { TrainOptions } from "./train-options.js";
import { train } from "./train.js";

// Whole trainings against those of Keras with the reference package (caadam 0.1.1) and of PyTorch: the same network,
// initial weights and batches. In float32 rounding grows by a few percent each step, and a ReLU whose input is zero but
// for rounding makes it jump, so that any two implementations part sooner or later, be it by the order of sums. So in
// float64 all 200 losses of ReLU networks agree, to the 8 digits that the files keep of them, and so do the weights at
// the end; in float32 those of networks with tanh to 1e-4 for as long as the framework agrees with itself when the rows of
// batches change places (`together`), and so do those of all ReLU networks at first, and of nine in ten to that end.

/** PyTorch adds 1e-6 to the norm that it clips by. */
const clipTolerance = 2e-6;
const fileTolerance = 1e-7;
const tolerance = 1e-4;
/** No ReLU network has parted before. */
const firstSteps = 24;
/** Of ReLU networks in float32: whether they have agreed for as long as they could. */
const agreed: boolean[] = [];

/** Of large networks only the trajectories whose scales depend on the shapes, and PyTorch's. */
const ofLarge = new Set(
  ["adam", "additive-keras", "multiplicative-keras", "depth-keras"]
    .map((name) => `keras/${name}`)
    .concat("torch/adam", "torch/adamw-amsgrad"),
);
const large = new Set(["256-128-64-32", "128-128-128-128-128", "1024-256-64-16"]);

const data = trajectoryData();
type DataType = "float32" | "float64";

describe.each(networks.map((hidden) => ({ hidden, name: hidden.join("-") })))("$name", ({ hidden }) => {
  const chosen = (all: readonly Trajectory[]) =>
    large.has(hidden.join("-")) ? all.filter(({ name }) => ofLarge.has(name)) : all;
  const trajectories = chosen(trajectoriesOf(hidden).trajectories);
  it.each(trajectories.filter(({ losses64 }) => losses64 !== undefined))(
    "$name, ReLU in float64",
    async (trajectory) => {
      const { losses, values } = await trained(hidden, trajectory, "relu", "float64", stepCount);
      expect(greatestDifference(losses, perUpdate(trajectory, trajectory.losses64 ?? [])).relative).toBeLessThan(
        toleranceOf(trajectory),
      );
      // Keras averages after each batch, also of those that only together make an update; here each update counts once.
      const { accumulate, averageMomentum } = trajectory.optimizer;
      if (accumulate !== undefined && averageMomentum !== undefined) return;
      for (const [name, expected] of Object.entries(trajectory.average ?? trajectory.final ?? {})) {
        const found = summaryOf(floats(values.get(name)?.data));
        expect(Math.abs(found.norm / expected.norm - 1), name).toBeLessThan(toleranceOf(trajectory));
        for (const [index, sample] of expected.samples.entries()) {
          expect(Math.abs((found.samples[index] ?? Number.NaN) - sample), name).toBeLessThan(toleranceOf(trajectory));
        }
      }
    },
  );

  it.each(trajectories)("$name, ReLU in float32 at first", async (trajectory) => {
    const { losses } = await trained(hidden, trajectory, "relu", "float32", trajectory.together);
    const expected = perUpdate(trajectory, trajectory.losses.slice(0, trajectory.together));
    const first = greatestDifference(losses.slice(0, firstSteps), expected.slice(0, firstSteps));
    expect(first.relative).toBeLessThan(tolerance);
    agreed.push(greatestDifference(losses, expected).relative < tolerance);
  });

  it.each(chosen(trajectoriesOf(hidden, "tanh").trajectories))("$name, tanh in float32", async (trajectory) => {
    const { losses } = await trained(hidden, trajectory, "tanh", "float32", trajectory.together);
    const expected = perUpdate(trajectory, trajectory.losses.slice(0, trajectory.together));
    expect(greatestDifference(losses, expected).relative).toBeLessThan(tolerance);
  });
});

it("nine in ten ReLU networks part from the framework no sooner than it does from itself", () => {
  expect(agreed.filter(Boolean).length / agreed.length).toBeGreaterThan(0.9);
});

function toleranceOf({ framework, optimizer: { globalClipNorm } }: Trajectory): number {
  return framework === "torch" && globalClipNorm !== undefined ? clipTolerance : fileTolerance;
}

/** Trains with one update in each epoch, so that epochs tell the loss of every step. */
async function trained(
  hidden: readonly number[],
  { optimizer }: Trajectory,
  activation: "relu" | "tanh",
  dataType: DataType,
  steps: number,
) {
  const { accumulate = 1 } = optimizer;
  let step = 0;
  const stream = () => Array.from({ length: accumulate }, () => batchOf(step++, dataType));
  const options: TrainOptions = { ...optionsOf(optimizer), epochs: Math.floor(steps / accumulate), threads: 1 };
  const { history, values } = await train(
    trajectoryModel(hidden, { activation, dataType }),
    { training: stream },
    options,
  ).result();
  return { losses: history.map(({ loss }) => loss), values };
}

function batchOf(step: number, type: DataType): Batch {
  const { x, y } = trajectoryBatch(data, step);
  const tensor = (values: Float32Array, columns: number) => {
    const dims = [values.length / columns, columns];
    return type === "float64"
      ? ({ type, data: Float64Array.from(values), dims } as const)
      : ({ type, data: values, dims } as const);
  };
  return { x: tensor(x, 8), target: tensor(y, 1) };
}

/** The mean of the losses of the batches that make one update. */
function perUpdate({ optimizer: { accumulate = 1 } }: Trajectory, losses: readonly number[]): readonly number[] {
  return Array.from({ length: Math.floor(losses.length / accumulate) }, (_, update) => {
    const own = losses.slice(update * accumulate, (update + 1) * accumulate);
    return own.reduce((sum, loss) => sum + loss, 0) / accumulate;
  });
}

function optionsOf(optimizer: TrajectoryOptimizer): TrainOptions {
  const { name, withoutWeightDecay, accumulate, clipValue, clipNorm, globalClipNorm, ...settings } = optimizer;
  const clip = clipOf({ value: clipValue, norm: clipNorm, "global-norm": globalClipNorm });
  return {
    loss: { name: "mse" },
    optimizer: name,
    ...settings,
    ...(withoutWeightDecay && { withoutDecay: withoutWeightDecay }),
    ...(accumulate && { accumulate }),
    ...(clip && { clip }),
  };
}

function clipOf(limits: Readonly<Record<GradientClip["by"], number | undefined>>): GradientClip | undefined {
  return (["value", "norm", "global-norm"] as const).flatMap((by) => {
    const limit = limits[by];
    return limit === undefined ? [] : [{ by, limit }];
  })[0];
}

function floats(values: unknown): Float64Array {
  return values instanceof Float64Array ? values : new Float64Array();
}
