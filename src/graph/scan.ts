import { Emitter, type Value } from "./emitter.js";
import { Operators } from "./operators.js";
import { tensorFacts } from "./shapes/facts.js";
import { type ForEach, partition, tupleLike } from "./tuple.js";

/** A Scan (ONNX Scan 11) whose body has been built. */
export interface BuiltScan {
  /** The body, and what it is called. */
  readonly body: Operators;
  readonly name: string;
  readonly states: readonly ScanState[];
  /** At least one. */
  readonly slices: readonly ScanSlice[];
  readonly stacks: readonly ScanStack[];
  /** Properties of the node. */
  readonly metadata?: ReadonlyMap<string, string>;
}

/**
 * What each step hands to the next one: an input of the body, and the value in the body that takes its place after the
 * step.
 */
export interface ScanState {
  readonly start: Value;
  readonly before: Value;
  readonly after: Value;
}

/** An input of the body that is a slice of a tensor. */
export interface ScanSlice {
  readonly tensor: Value;
  readonly slice: Value;
  readonly axis: number;
  /** Whether the first step gets the last slice. */
  readonly isReversed: boolean;
}

/** A value in the body that is stacked over all steps. */
export interface ScanStack {
  readonly slice: Value;
  readonly axis: number;
  /** Whether the slice of the first step becomes the last one. */
  readonly isReversed: boolean;
}

/** The states after the last step, and the stacked values. */
export interface ScanResults {
  readonly states: readonly Value[];
  readonly stacks: readonly Value[];
}

/** Emits a Scan. Inputs of the body that are neither states nor slices are left out. */
export function emitScan(g: Operators, { body, name, states, slices, stacks, metadata }: BuiltScan): ScanResults {
  const outputs = [...states.map(({ after }) => after), ...stacks.map(({ slice }) => slice)];
  const graph = body.emitter.graph(
    name,
    outputs.map((value) => ({ value })),
  );
  const declared = new Map(graph.inputs.map((input) => [input.name, input]));
  const inputs = [...states.map(({ before }) => before), ...slices.map(({ slice }) => slice)];
  const results = g.emitter.emit({
    opType: "Scan",
    inputs: [...states.map(({ start }) => start), ...slices.map(({ tensor }) => tensor)],
    attributes: {
      body: { ...graph, inputs: inputs.flatMap((input) => declared.get(input.name) ?? []) },
      num_scan_inputs: slices.length,
      scan_input_axes: slices.map(({ axis }) => axis),
      scan_input_directions: slices.map(({ isReversed }) => (isReversed ? 1 : 0)),
      scan_output_axes: stacks.map(({ axis }) => axis),
      scan_output_directions: stacks.map(({ isReversed }) => (isReversed ? 1 : 0)),
    },
    outputs: outputs.length,
    bodies: new Map([["body", outputs]]),
    ...(metadata === undefined ? {} : { metadata }),
  });
  const all = results.map((result) => result ?? g.unreachable("Scan"));
  const [last, stacked] = partition(all, [states.length, stacks.length]);
  return { states: last, stacks: stacked };
}

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
  readonly metadata?: ReadonlyMap<string, string>;
}

/** What a step returns, or all of them. */
export interface ScanStep<States extends Values, Outputs extends Values> {
  readonly states: States;
  /** Those of all steps are stacked along the first axis. */
  readonly outputs: Outputs;
}

/** Builds and emits a Scan. */
export function scan<const States extends Values, const Inputs extends Values, const Outputs extends Values>(
  g: Operators,
  { name, states, inputs, isReversed, body: build, metadata }: ScanRequest<States, Inputs, Outputs>,
): ScanStep<ForEach<States, Value>, ForEach<Outputs, Value>> {
  const body = new Operators(new Emitter(g.emitter));
  const before = states.map(({ dataType, shape }, index) =>
    body.emitter.input(`${name}/state${index}`, tensorFacts(dataType, shape)),
  );
  const slices = inputs.map(({ dataType, shape }, index) =>
    body.emitter.input(`${name}/slice${index}`, tensorFacts(dataType, shape?.slice(1))),
  );
  const step = build(body, tupleLike(before, states), tupleLike(slices, inputs));
  const results = emitScan(g, {
    body,
    name,
    states: states.map((start, index) => ({
      start,
      before: before[index] ?? start,
      after: step.states[index] ?? start,
    })),
    slices: inputs.map((tensor, index) => ({ tensor, slice: slices[index] ?? tensor, axis: 0, isReversed })),
    stacks: step.outputs.map((slice) => ({ slice, axis: 0, isReversed })),
    ...(metadata === undefined ? {} : { metadata }),
  });
  return { states: tupleLike(results.states, states), outputs: tupleLike(results.stacks, step.outputs) };
}
