import { isFloatingPoint } from "../../../graph/data-type.js";
import { Emitter, type Value } from "../../../graph/emitter.js";
import { InputError } from "../../../graph/errors.js";
import { describeNode, type Graph, type Node } from "../../../graph/model.js";
import { Operators } from "../../../graph/operators.js";
import { emitScan, type ScanSlice } from "../../../graph/scan.js";
import { factsOfType } from "../../../graph/shapes/declared-facts.js";
import { symbol } from "../../../graph/shapes/extent.js";
import { type Facts, tensorFacts } from "../../../graph/shapes/facts.js";
import { isSameShape } from "../../../graph/shapes/shape-math.js";
import { partition } from "../../../graph/tuple.js";
import type { GradientContext } from "../rule.js";
import { recomputed, seedsOf, wantedCaptures } from "./bodies.js";
import { productOfAll, termsOf } from "./iteration-products.js";

/** A body that ran several times, one after another. */
export interface Iterations {
  readonly body: Graph;
  /** Values for inputs of the body that are the same in every iteration, by name. */
  readonly constants: ReadonlyMap<string, Value>;
  /** Inputs of the body that count iterations. */
  readonly counters: readonly Input[];
  /** What each iteration hands to the next one. */
  readonly carried: readonly Carried[];
  /** What the body gets a slice of each time. */
  readonly scanned: readonly Scanned[];
  /** The gradients of outputs that are stacked. */
  readonly stacked: readonly Slices[];
  /**
   * Has the forward pass put out what inputs of the body were in each iteration, too. @returns them, stacked along the
   * first axis
   */
  readonly keep: (inputs: readonly Input[]) => readonly Value[];
}

/** An input of a body. */
export interface Input {
  readonly name: string;
  readonly facts: Facts;
}

/** A value that each iteration hands to the next one. */
export interface Carried {
  /** The body's input and output. */
  readonly input: string;
  readonly output: string;
  readonly initial: Value;
  /** The gradient of what the last iteration made of it. */
  readonly gradient: Value | undefined;
  /** Whether the gradient of the initial value is wanted. */
  readonly isWanted: boolean;
}

/** A tensor with a slice for each iteration. */
export interface Slices {
  /** The body's input or output. */
  readonly name: string;
  readonly tensor: Value;
  readonly axis: number;
  /** Whether the last slice belongs to the first iteration. */
  readonly isReversed: boolean;
}

/** A tensor that the body gets slices of. */
export interface Scanned extends Slices {
  /** Whether its gradient is wanted. */
  readonly isWanted: boolean;
}

/**
 * In the order of {@link Iterations}, and of the values from around the body that it uses; undefined where there are
 * none.
 */
export interface IterationGradients {
  readonly carried: readonly (Value | undefined)[];
  readonly scanned: readonly (Value | undefined)[];
  readonly captures: readonly (Value | undefined)[];
}

/**
 * The gradients of iterations: a Scan from the last one to the first. Its body computes that of the iterations anew
 * from what its inputs were, carries the gradients of what was carried, and adds up those of values from around the
 * body.
 * @throws InputError for a carried value whose shape changes
 */
export function iterationGradients(
  g: Operators,
  context: GradientContext<number>,
  iterations: Iterations,
): IterationGradients {
  const { carried, scanned } = iterations;
  const { body, moving, shared, wanted, kept, slices } = backwardStep(g, context, iterations);
  const states = [...moving, ...shared.flatMap(({ sum }) => sum ?? [])];
  const factors = distinct(shared.flatMap(({ products }) => products.flatMap(({ left, right }) => [left, right])));
  const stacks = [...wanted, ...factors.map((slice) => ({ slice, axis: 0, isReversed: true }))];

  // Only what is read is kept and handed over, and the first slice, as a Scan must have one.
  const read = body.emitter.neededFor([...states.map(({ after }) => after), ...stacks.map(({ slice }) => slice)]);
  const [first] = [...kept, ...slices];
  const isRead = ({ slice }: { readonly slice: Value }) => read.has(slice.name) || slice === first?.slice;
  const readKept = kept.filter(isRead);
  const tensors = iterations.keep(readKept.map(({ input }) => input));
  const keptSlices = readKept.map(({ slice }, index): ScanSlice => ({
    slice,
    tensor: tensors[index] ?? slice,
    axis: 0,
    isReversed: true,
  }));
  const results = emitScan(g, {
    body,
    name: `${iterations.body.name}/gradient`,
    states,
    slices: [...keptSlices, ...slices.filter(isRead)],
    stacks,
  });

  const [ofWanted, ofFactors] = partition(results.stacks, [wanted.length, factors.length]);
  const last = lookup(
    states.map(({ before }) => before),
    results.states,
  );
  const allOf = lookup(factors, ofFactors);
  const fromBody = new Map(
    shared.map(({ value, sum, products }) => {
      const ofProducts = products.map(({ left, right, summed }) => productOfAll(g, allOf(left), allOf(right), summed));
      return [value.name, sum === undefined ? ofProducts : [last(sum.before), ...ofProducts]];
    }),
  );
  // Where several inputs are one value, the first one gets what comes from the body.
  const taken = ({ name }: Value): readonly Value[] => {
    const found = fromBody.get(name) ?? [];
    fromBody.delete(name);
    return found;
  };
  const total = (values: readonly Value[]) => (values.length === 0 ? undefined : g.sum(values));
  return {
    captures: context.captures.map((value) => total(taken(value))),
    carried: carried.map(({ input, initial, gradient }) => {
      const state = moving.find(({ name }) => name === input);
      if (state !== undefined) return last(state.before);
      return total([...(gradient === undefined ? [] : [gradient]), ...taken(initial)]);
    }),
    scanned: scanned.map(({ name }) => ofWanted[wanted.findIndex((found) => found.name === name)]),
  };
}

/** The body of that Scan, and what goes in and out. */
function backwardStep(
  g: Operators,
  context: GradientContext<number>,
  { body, constants, counters, carried, scanned, stacked }: Iterations,
) {
  // It has its own nodes even for what nodes around it do already: the gradient has to pass them.
  const inner = new Operators(new Emitter(g.emitter, true));
  const declared = (name: string, { dataType, shape }: Facts) =>
    inner.emitter.input(name, tensorFacts(dataType, shape));
  const reversed = <Of extends Slices>(slices: Of, name: string) => ({
    ...slices,
    slice: declared(name, factsOfSlice(slices)),
    isReversed: !slices.isReversed,
  });
  // What is the same in every iteration is as good as a value from around the body.
  const isConstant = ({ input, output }: Carried) => originOf(body, output) === input;
  const constant = carried.filter(isConstant);
  const varying = carried.filter((value) => !isConstant(value));

  const kept = [...counters, ...varying.map((value) => inputOf(context.node, body, value))].map((input) => ({
    input,
    slice: declared(input.name, input.facts),
  }));
  const given = scanned.map((slices) => reversed(slices, slices.name));
  const ofOutputs = stacked.map((slices) => reversed(slices, `${slices.name}/gradient`));
  const inputs = new Map<string, Value>([
    ...constants,
    ...constant.map(({ input, initial }) => [input, initial] as const),
    ...kept.map(({ input, slice }) => [input.name, slice] as const),
    ...given.map(({ name, slice }) => [name, slice] as const),
  ]);
  const floats = varying
    .filter(({ initial }) => isFloatingPoint(initial.dataType))
    .map(({ input, output, initial, gradient }) => ({
      name: input,
      output,
      value: inputs.get(input) ?? initial,
      start: gradient ?? g.zerosLike(initial),
      before: declared(`${input}/gradient`, initial),
    }));

  const results = recomputed(inner, body, context.captures, inputs);
  const known = new Map([
    ...floats.map(({ output, before }) => [output, before] as const),
    ...ofOutputs.map(({ name, slice }) => [name, slice] as const),
  ]);
  const seeds = seedsOf(
    results,
    body.outputs.map(({ name }) => known.get(name)),
  );
  const wanted = given.filter(({ isWanted }) => isWanted);
  const wantedConstants = constant.filter(({ isWanted }) => isWanted).map(({ initial }) => initial);
  const around = distinct([...wantedCaptures(context), ...wantedConstants]);
  const towards = [...around, ...floats.map(({ value }) => value), ...wanted.map(({ slice }) => slice)];
  const found = context.differentiate(inner, { seeds, towards });
  const gradients = new Map(towards.map(({ name }, index) => [name, found[index]]));
  const gradientOf = (value: Value) => gradients.get(value.name) ?? inner.zerosLike(value);

  return {
    body: inner,
    /** The gradients of what was carried. */
    moving: floats.map(({ name, value, start, before }) => ({ name, start, before, after: gradientOf(value) })),
    /**
     * Those of values from around the body: products of matrices are made of all iterations at once, anything else is
     * added up.
     */
    shared: around.map((value) => {
      const { products, others } = termsOf(inner, gradients.get(value.name), g.emitter);
      if (others.length === 0) return { value, products, sum: undefined };
      const before = declared(`${value.name}/gradient`, value);
      return { value, products, sum: { start: g.zerosLike(value), before, after: inner.sum([before, ...others]) } };
    }),
    /** Those of slices. */
    wanted: wanted.map(({ name, axis, isReversed, slice }) => ({ name, axis, isReversed, slice: gradientOf(slice) })),
    kept,
    slices: [...given, ...ofOutputs],
  };
}

/**
 * What an input of the body is in all iterations. @throws InputError where its shape changes, as all of them are kept
 * in one tensor
 */
function inputOf(node: Node, body: Graph, { input: name, initial }: Carried): Input {
  const type = body.inputs.find((input) => input.name === name)?.type;
  const facts = factsOfType(type, (axis) => symbol(`${name}_dim${axis}`));
  const isSteady = initial.shape === undefined ? facts.shape === undefined : isSameShape(initial.shape, facts.shape);
  if (facts.container === undefined && isSteady) return { name, facts };
  const problem =
    facts.container === undefined ? "may change its shape from one iteration to the next" : "is not a tensor";
  throw new InputError(
    describeNode(node),
    `"${name}" ${problem}, so that there is no gradient through the iterations`,
    "leave what is behind it as it is with --freeze",
  );
}

/** The input of the body, or its node's output, that is put out under a name, be it copied. */
function originOf(body: Graph, name: string): string {
  const copy = body.nodes.find(
    ({ opType, domain, outputs }) => opType === "Identity" && domain === "" && outputs[0] === name,
  );
  const [source] = copy?.inputs ?? [];
  return source === undefined ? name : originOf(body, source);
}

function factsOfSlice({ tensor: { dataType, shape }, axis }: Slices): Facts {
  return tensorFacts(dataType, shape?.toSpliced(axis, 1));
}

function distinct(values: readonly Value[]): readonly Value[] {
  return [...new Map(values.map((value) => [value.name, value])).values()];
}

/** Finds values by others. */
function lookup(keys: readonly Value[], values: readonly Value[]): (key: Value) => Value {
  const found = new Map(keys.map(({ name }, index) => [name, values[index]]));
  return ({ name }) => {
    const value = found.get(name);
    if (value === undefined) throw new Error(`nothing for "${name}"`);
    return value;
  };
}
