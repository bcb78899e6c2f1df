import { Emitter, type Value } from "../../graph/emitter.js";
import { Operators } from "../../graph/operators.js";
import { clipped } from "../optimizer/clipping.js";
import { updateRule } from "../optimizer/index.js";
import type { OptimizerSettings } from "../optimizer/optimizer.js";
import { type Artifact, artifactOf, type Port } from "./artifact.js";
import type { ParameterType } from "./forward.js";

/** A parameter on its way into an update. */
export interface UpdatedParameter extends ParameterType {
  /** The shape of its scale: [], or one for each element; undefined for a parameter without one. */
  readonly scaleShape: readonly number[] | undefined;
  /** Whether it decays, where the optimizer has weight decay. */
  readonly decays: boolean;
}

/**
 * From parameters, their gradients, moments and scales, and the numbers of the step (α_t, ε_t and the decay) to the new
 * parameters and moments. Where each output has the type and shape of an input, it may also have its memory: no node
 * reads that input after the output is written.
 */
export function updateArtifact(parameters: readonly UpdatedParameter[], settings: OptimizerSettings): Artifact {
  const emitter = new Emitter();
  const g = new Operators(emitter);
  const rule = updateRule(settings);
  const input = (name: string, { dataType, shape }: Pick<ParameterType, "dataType" | "shape">) =>
    emitter.newInput(name, { dataType, shape });

  const values = parameters.map((parameter) => input(parameter.name, parameter));
  const gradients = parameters.map((parameter) => input(`${parameter.name}.grad`, parameter));
  const moments = parameters.map((parameter) =>
    rule.moments.map((role) => input(`${parameter.name}.${role}`, parameter)),
  );
  const averages = parameters.map((parameter) =>
    settings.averageMomentum === undefined ? undefined : input(`${parameter.name}.average`, parameter),
  );
  const scales = parameters.map(({ name, dataType, scaleShape }) =>
    scaleShape === undefined ? undefined : input(`${name}.scale`, { dataType, shape: scaleShape }),
  );
  // One type for the numbers of all parameters, without loss for any.
  const dataType = parameters.some((parameter) => parameter.dataType === "float64") ? "float64" : "float32";
  const number = (name: string) => emitter.newInput(name, { dataType, shape: [] });
  const alpha = number("alpha");
  const epsilon = rule.hasEpsilon ? number("epsilon") : undefined;
  const decay = settings.weightDecay === undefined ? undefined : number("decay");

  const directions = emitter.scoped("clip", () => clipped(g, gradients, settings.clip));
  const outputs = parameters.map(({ name, decays }, index) => {
    const [value, gradient] = [values[index], directions[index]];
    if (value === undefined || gradient === undefined) throw new Error("each parameter has a value and a gradient");
    const inType = (given: Value) => g.cast(given, value.dataType);
    return emitter.scoped(`update/${name}`, () => {
      const scale = scales[index];
      const { parameter, moments: moved } = rule.update({
        g,
        parameter: decay === undefined || !decays ? value : g.mul(value, inType(g.sub(1, decay))),
        gradient,
        moments: moments[index] ?? [],
        rate: scale === undefined ? inType(alpha) : g.mul(inType(alpha), scale),
        epsilon: epsilon === undefined ? undefined : inType(epsilon),
      });
      const before = averages[index];
      const average = before === undefined ? undefined : averaged(g, before, parameter, settings.averageMomentum ?? 0);
      return { name, parameter, moved, average };
    });
  });

  const of = (index: number) => parameters[index]?.name;
  const port = (role: Port["role"], value: Value | undefined, index?: number): readonly Port[] =>
    value === undefined ? [] : [{ name: value.name, role, value, of: index === undefined ? undefined : of(index) }];
  const inputs = [
    ...values.flatMap((value, index) => port("parameter", value, index)),
    ...gradients.flatMap((value, index) => port("gradient", value, index)),
    ...moments.flatMap((own, index) => rule.moments.flatMap((role, moment) => port(role, own[moment], index))),
    ...averages.flatMap((value, index) => port("average", value, index)),
    ...scales.flatMap((value, index) => port("scale", value, index)),
    ...port("alpha", alpha),
    ...port("epsilon", epsilon),
    ...port("decay", decay),
  ];
  const updated = (role: Port["role"], value: Value | undefined, index: number, suffix = ""): readonly Port[] =>
    port(role, value, index).map((one) => ({ ...one, name: emitter.uniqueName(`${of(index)}${suffix}.updated`) }));
  return artifactOf("update", emitter, inputs, [
    ...outputs.flatMap(({ parameter }, index) => updated("parameter", parameter, index)),
    ...outputs.flatMap(({ moved }, index) =>
      rule.moments.flatMap((role, moment) => updated(role, moved[moment], index, `.${role}`)),
    ),
    ...outputs.flatMap(({ average }, index) => updated("average", average, index, ".average")),
  ]);
}

/** μ·a + (1 − μ)·w. */
function averaged(g: Operators, average: Value, parameter: Value, momentum: number): Value {
  return g.add(g.mul(average, momentum), g.mul(parameter, 1 - momentum));
}
