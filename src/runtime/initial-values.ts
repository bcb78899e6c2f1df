import type { Model } from "../graph/model.js";
import { initialState } from "../passes/training/initial-state.js";
import type { TrainingPlan } from "../passes/training/rewrite.js";
import type { Values } from "./training-state.js";

/**
 * What training starts from: the values that the model has for parameters and running statistics, by their names in it.
 * @param given takes the place of the model's
 */
export function initialValues(model: Model, { gradient, evaluation }: TrainingPlan, given?: Values): Values {
  const contract = (gradient ?? evaluation)?.contract;
  if (contract === undefined) return new Map();
  const state = initialState(model, contract);
  return new Map(
    contract.inputs.flatMap(({ name, of }) => {
      const value = of === undefined ? undefined : (given?.get(of) ?? state[name]);
      return of === undefined || value === undefined ? [] : [[of, value] as const];
    }),
  );
}
