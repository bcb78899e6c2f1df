import type { Model } from "../graph/model.js";
import { initialStateOf } from "../passes/training/initial-state.js";
import type { TrainingPlan } from "../passes/training/rewrite.js";
import type { ValueSource } from "./training-state.js";

/**
 * What training starts from: the values that the model has for parameters and running statistics, by their names in it,
 * each read when it is asked for.
 * @param given takes the place of the model's
 */
export function initialValues(model: Model, { gradient, evaluation }: TrainingPlan, given?: ValueSource): ValueSource {
  const { inputs = [] } = (gradient ?? evaluation)?.contract ?? {};
  const ports = new Map(inputs.map((input) => [input.of, input]));
  const stateOf = initialStateOf(model);
  return {
    get: (name) => {
      const port = ports.get(name);
      return given?.get(name) ?? (port && stateOf(port));
    },
  };
}
