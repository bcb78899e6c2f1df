import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { modelOf } from "../../graph/builder.js";
import { Emitter, type Value } from "../../graph/emitter.js";
import { Operators } from "../../graph/operators.js";
import { scan } from "../../graph/scan.js";
import { tensorFacts } from "../../graph/shapes/facts.js";
import { type PlainTensor, runModel } from "../../graph/testing/run-model.js";
import { differentiate } from "./differentiate.js";
import { emitIf } from "./rules/bodies.js";

/**
 * One operation of a program on 2×2 matrices: each result is appended to the values, and operands are taken from them.
 */
interface Operation {
  readonly opType: "Add" | "Mul" | "MatMul" | "Sin";
  readonly operands: readonly [number, number];
}

type Program = readonly Operation[];

const programs: fc.Arbitrary<Program> = fc.array(
  fc.record({
    opType: fc.constantFrom("Add" as const, "Mul" as const, "MatMul" as const, "Sin" as const),
    operands: fc.tuple(fc.nat(), fc.nat()),
  }),
  { minLength: 1, maxLength: 5 },
);

function evaluated(g: Operators, program: Program, given: readonly Value[]): Value {
  const values = [...given];
  for (const { opType, operands } of program) {
    const [left, right] = operands.map((operand) => values[operand % values.length] ?? g.unreachable(opType));
    values.push(opType === "Sin" ? g.op("Sin", [left]) : g.op(opType, [left, right]));
  }
  // So that nothing grows beyond bounds.
  return g.tanh(values.at(-1) ?? g.unreachable("program"));
}

/**
 * What control flow is built from: a start s, slices x, a value w from around, two programs, and numbers that only the
 * run knows.
 */
interface Parts {
  readonly g: Operators;
  readonly s: Value;
  readonly x: Value;
  readonly w: Value;
  readonly count: Value;
  readonly condition: Value;
  readonly programs: readonly [Program, Program];
  readonly isReversed: boolean;
}

const matrix = { dataType: "float64", shape: ["n", 2] } as const;

const kinds: Readonly<Record<string, (parts: Parts) => readonly Value[]>> = {
  If: ({ g, s, x, w, condition, programs: [yes, no] }) => {
    const first = g.squeeze(g.slice(x, 0, 0, 1), [0]);
    return [branches(g, condition, yes, no, [s, first, w])];
  },
  Scan: ({ g, s, x, w, programs: [next, put], isReversed }) => {
    const { states, outputs } = scan(g, {
      name: "steps",
      states: [s],
      inputs: [x],
      isReversed,
      body: (inner, [state], [slice]) => ({
        states: [evaluated(inner, next, [state, slice, w])],
        outputs: [evaluated(inner, put, [state, slice, w])],
      }),
    });
    return [...states, ...outputs];
  },
  Loop: (parts) => loop(parts, evaluated),
  "If in a Loop": (parts) =>
    loop(parts, (inner, program, values) => branches(inner, parts.condition, program, parts.programs[0], values)),
};

function branches(g: Operators, condition: Value, yes: Program, no: Program, values: readonly Value[]): Value {
  const [thenBranch, elseBranch] = [yes, no].map((program) =>
    g.body("branch", [], (inner) => [evaluated(inner, program, values)]),
  );
  if (thenBranch === undefined || elseBranch === undefined) return g.unreachable("If");
  return emitIf(g, condition, thenBranch, elseBranch)[0] ?? g.unreachable("If");
}

function loop(
  { g, s, x, w, count, programs: [next, put] }: Parts,
  result: (inner: Operators, program: Program, values: readonly Value[]) => Value,
): readonly Value[] {
  const inputs = [
    { name: "iteration", facts: tensorFacts("int64", []) },
    { name: "condition", facts: tensorFacts("bool", []) },
    { name: "state", facts: s },
  ];
  const body = g.body("steps", inputs, (inner, [at, condition, state]) => {
    if (at === undefined || condition === undefined || state === undefined) return inner.unreachable("Loop");
    const values = [state, inner.gather(x, at, 0), w];
    return [condition, result(inner, next, values), result(inner, put, values)];
  });
  const results = g.emitter.emit({
    opType: "Loop",
    inputs: [count, undefined, s],
    attributes: { body: body.graph },
    outputs: 2,
    bodies: new Map([["body", body.outputs]]),
  });
  return results.map((value) => value ?? g.unreachable("Loop"));
}

describe("gradients of control flow agree with finite differences", () => {
  test.each(Object.entries(kinds))("%s", async (_, build) => {
    const numbers = (length: number) =>
      fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: length, maxLength: length });
    const options = fc.record({
      count: fc.integer({ min: 0, max: 3 }),
      condition: fc.boolean(),
      isReversed: fc.boolean(),
      programs: fc.tuple(programs, programs),
      s: numbers(4),
      x: numbers(12),
      w: numbers(4),
      direction: numbers(20),
      weights: numbers(16),
    });
    await fc.assert(
      fc.asyncProperty(options, async ({ count, condition, s, x, w, direction, weights, ...rest }) => {
        const at = (step: number): Record<string, PlainTensor> => {
          const moved = (values: readonly number[], offset: number, shape: readonly number[]): PlainTensor => ({
            dataType: "float64",
            shape,
            values: values.map((value, index) => value + step * (direction[offset + index] ?? 0)),
          });
          return {
            s: moved(s, 0, [2, 2]),
            x: moved(x, 4, [3, 2, 2]),
            w: moved(w, 16, [2, 2]),
            count: { dataType: "int64", shape: [], values: [count] },
            condition: { dataType: "bool", shape: [], values: [Number(condition)] },
          };
        };
        const { loss, gradients } = models(build, rest, weights);
        const lossAt = async (step: number) => (await runModel(loss, at(step)))["loss"]?.values[0] ?? Number.NaN;
        const found = await runModel(gradients, at(0));
        const compiled = ["s", "x", "w"]
          .flatMap((name, index) => found[`${name}.grad`]?.values ?? Array<number>([4, 12, 4][index] ?? 0).fill(0))
          .reduce((sum, value, index) => sum + value * (direction[index] ?? 0), 0);
        const measured = ((await lossAt(1e-5)) - (await lossAt(-1e-5))) / 2e-5;
        expect(Math.abs(compiled - measured)).toBeLessThan(1e-6 * Math.max(1, Math.abs(measured)));
      }),
      { numRuns: 15, seed: 1 },
    );
  });
});

/** The sum of the results, weighted, and its gradients. */
function models(
  build: (parts: Parts) => readonly Value[],
  rest: Pick<Parts, "isReversed" | "programs">,
  weights: readonly number[],
) {
  const g = new Operators(new Emitter());
  const s = g.emitter.input("s", matrix);
  const x = g.emitter.input("x", { dataType: "float64", shape: ["t", "n", 2] });
  const w = g.emitter.input("w", { dataType: "float64", shape: [2, 2] });
  const count = g.emitter.input("count", tensorFacts("int64", []));
  const condition = g.emitter.input("condition", tensorFacts("bool", []));
  const results = build({ g, s, x, w, count, condition, ...rest });
  const sums = results.map((value, index) => g.mul(g.reduceSum(g.op("Sin", [value])), weights[index] ?? 1));
  const loss = g.reduceSum(g.sum(sums.map((sum) => g.reshape(sum, [1]))), undefined, false);
  const forward = g.emitter.graph("loss", [{ value: loss, name: "loss" }]);
  const towards = [s, x, w];
  const found = differentiate(g, { seeds: [{ value: loss, gradient: g.onesLike(loss) }], towards });
  const outputs = towards.flatMap((value, index) => {
    const gradient = found[index];
    return gradient === undefined ? [] : [{ value: gradient, name: `${value.name}.grad` }];
  });
  return {
    loss: modelOf(forward, 26, 13),
    gradients: modelOf(g.emitter.graph("gradients", [...outputs, { value: loss, name: "value" }]), 26, 13),
  };
}
