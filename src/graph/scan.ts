import type { Value } from "./emitter.js";
import type { Operators } from "./operators.js";
import { tensorFacts } from "./shapes/facts.js";
import { type ForEach, tupleLike } from "./tuple.js";

type Values = readonly Value[];

/** A Scan along the first axis of its inputs. */
export interface ScanRequest<States extends Values, Inputs extends Values, Outputs extends Values> {
  /** What the body is called. */
  readonly name: string;
  /** What the first step starts from. */
  readonly states: States;
  /** What each step gets a slice of. */
  readonly inputs: Inputs;
  /** From the last slice to the first; outputs are in the order of the inputs all the same. */
  readonly isReversed: boolean;
  /** One step, from the states before it and a slice of each input. */
  readonly body: (
    g: Operators,
    states: ForEach<States, Value>,
    slices: ForEach<Inputs, Value>,
  ) => ScanStep<ForEach<States, Value>, Outputs>;
  /** Properties of the node. */
  readonly metadata?: ReadonlyMap<string, string>;
}

/** What a step returns, or all of them. */
export interface ScanStep<States extends Values, Outputs extends Values> {
  readonly states: States;
  /** Those of all steps are stacked. */
  readonly outputs: Outputs;
}

/** Emits a Scan (ONNX Scan 11). @returns the states after the last step, and the stacked outputs */
export function scan<
  const States extends Values,
  const Inputs extends Values,
  const Outputs extends Values,
>(
  g: Operators,
  { name, states, inputs, isReversed, body, metadata }: ScanRequest<States, Inputs, Outputs>,
): ScanStep<ForEach<States, Value>, ForEach<Outputs, Value>> {
  const stateInputs = states.map((state, index) => ({
    name: `${name}/state${index}`,
    facts: tensorFacts(state.dataType, state.shape),
  }));
  const sliceInputs = inputs.map((input, index) => ({
    name: `${name}/slice${index}`,
    facts: tensorFacts(input.dataType, input.shape?.slice(1)),
  }));
  let outputs: Outputs | undefined;
  const step = g.body(name, [...stateInputs, ...sliceInputs], (inner, values) => {
    const [before, slices] = [values.slice(0, states.length), values.slice(states.length)];
    const result = body(inner, tupleLike(before, states), tupleLike(slices, inputs));
    ({ outputs } = result);
    return [...result.states, ...outputs];
  });
  if (outputs === undefined) return g.unreachable("Scan");
  const direction = isReversed ? 1 : 0;
  const results = g.emitter.emit({
    opType: "Scan",
    inputs: [...states, ...inputs],
    attributes: {
      body: step.graph,
      num_scan_inputs: inputs.length,
      scan_input_directions: inputs.map(() => direction),
      scan_output_directions: outputs.map(() => direction),
    },
    outputs: step.outputs.length,
    bodies: new Map([["body", step.outputs]]),
    ...(metadata === undefined ? {} : { metadata }),
  });
  const all = results.map((result) => result ?? g.unreachable("Scan"));
  return {
    states: tupleLike(all.slice(0, states.length), states),
    outputs: tupleLike(all.slice(states.length), outputs),
  };
}
