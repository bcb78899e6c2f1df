import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { Emitter, type Value } from "./emitter.js";
import { Operators, range, sizeOf } from "./operators.js";
import {
  type Extent,
  floorDivide,
  maximum,
  minimum,
  multiply,
  type Shape,
  substitute,
  subtract,
} from "./shapes/extent.js";
import { tensorFacts } from "./shapes/facts.js";
import { standardModel } from "./standard-model.js";
import { refusal } from "./testing/input-error.js";
import { floats, integers, type PlainTensor, runModel } from "./testing/run-model.js";

/** Something on one or two inputs; the second one is the first where there is only that. */
type Build = (g: Operators, x: Value, y: Value) => Value;

/**
 * What is built on inputs, run twice: with the extents of all inputs as numbers, and as symbols, which are named by
 * their numbers.
 */
async function computed(given: readonly PlainTensor[], build: Build): Promise<PlainTensor> {
  const results: PlainTensor[] = [];
  for (const isSymbolic of [false, true]) {
    const g = new Operators(new Emitter());
    const inputs = given.map(({ dataType, shape }, index) => {
      const symbols = shape.map((extent) => (extent > 1 ? `e${extent}` : extent));
      return g.emitter.input(`x${index}`, tensorFacts(dataType, isSymbolic ? symbols : shape));
    });
    const [x = g.unreachable("inputs"), y = x] = inputs;
    const value = build(g, x, y);
    const feeds = Object.fromEntries(given.map((tensor, index) => [`x${index}`, tensor]));
    const model = standardModel(g.emitter.graph("g", [{ name: "result", value }]), "g");
    const { result } = await runModel(model, feeds);
    if (result === undefined) throw new Error("no result");
    expect(value.dataType).toBe(result.dataType);
    expect(value.shape?.map((extent) => numberOf(extent))).toEqual(result.shape);
    results.push(result);
  }
  const [one, other] = results;
  expect(other).toEqual(one);
  return one ?? expect.fail();
}

/** The number of an extent whose symbols are e2, e3, ... */
function numberOf(extent: Extent): Extent {
  const numbers = range(20).map((number) => [`e${number}`, number] as const);
  return substitute(extent, new Map<string, Extent>(numbers));
}

/** 1, 2, 3 ... in a shape. */
function counting(...shape: readonly number[]): PlainTensor {
  const count = shape.reduce((product, extent) => product * extent, 1);
  return floats(
    range(count).map((index) => index + 1),
    shape,
  );
}

describe("values and numbers as operands", () => {
  const x = floats([1, -2, 4]);
  it.each<[string, (g: Operators, x: Value) => Value, readonly number[]]>([
    ["x + 1", (g, a) => g.add(a, 1), [2, -1, 5]],
    ["1 + x", (g, a) => g.add(1, a), [2, -1, 5]],
    ["1 - x", (g, a) => g.sub(1, a), [0, 3, -3]],
    ["x * 2", (g, a) => g.mul(a, 2), [2, -4, 8]],
    ["8 / x", (g, a) => g.div(8, a), [8, -4, 2]],
    ["x to the power of 2", (g, a) => g.pow(a, 2), [1, 4, 16]],
    ["the larger of x and 0", (g, a) => g.max(a, 0), [1, 0, 4]],
    ["the smaller of x and 0", (g, a) => g.min(0, a), [0, -2, 0]],
    ["x²", (g, a) => g.square(a), [1, 4, 16]],
    ["1/x", (g, a) => g.reciprocal(a), [1, -0.5, 0.25]],
    ["its sign", (g, a) => g.sign(a), [1, -1, 1]],
    ["x where it is positive, else 7", (g, a) => g.where(g.greater(a, 0), a, 7), [1, 7, 4]],
    ["1 where it is positive, else 0", (g, a) => g.where(g.greater(a, 0), 1, 0), [1, 0, 1]],
    ["the sum of one", (g, a) => g.sum([a]), [1, -2, 4]],
    ["the sum of two", (g, a) => g.sum([a, g.abs(a)]), [2, 0, 8]],
    ["the sum of three", (g, a) => g.sum([a, a, g.neg(a)]), [1, -2, 4]],
  ])("%s", async (_, build, expected) => {
    expect(await computed([x], build)).toEqual(floats(expected));
  });

  it.each<[string, (g: Operators, x: Value) => Value, readonly number[]]>([
    ["equal", (g, a) => g.equal(a, 4), [0, 0, 1]],
    ["less", (g, a) => g.less(a, 1), [0, 1, 0]],
    ["less or equal", (g, a) => g.lessOrEqual(a, 1), [1, 1, 0]],
    ["greater", (g, a) => g.greater(a, 1), [0, 0, 1]],
    ["greater or equal", (g, a) => g.greaterOrEqual(a, 1), [1, 0, 1]],
    ["and", (g, a) => g.and(g.greater(a, 0), g.less(a, 4)), [1, 0, 0]],
    ["or", (g, a) => g.or(g.less(a, 0), g.equal(a, 4)), [0, 1, 1]],
    ["not", (g, a) => g.not(g.less(a, 0)), [1, 0, 1]],
  ])("compared: %s", async (_, build, expected) => {
    expect(await computed([x], build)).toEqual({ dataType: "bool", shape: [3], values: expected });
  });

  it("numbers have the type of the other operand, or the one that is asked for", () => {
    const g = new Operators(new Emitter());
    const double = g.emitter.input("x", tensorFacts("float64", ["n"]));
    const condition = g.emitter.input("c", tensorFacts("bool", ["n"]));
    expect(g.add(double, 1).dataType).toBe("float64");
    expect(g.where(condition, 1, double).dataType).toBe("float64");
    expect(g.where(condition, 1, 0, "int64").dataType).toBe("int64");
  });
});

describe("shapes", () => {
  it.each<[string, readonly PlainTensor[], Build, PlainTensor]>([
    ["the shape", [counting(2, 3)], (g, x) => g.shapeOf(x), integers([2, 3])],
    ["some extents", [counting(2, 3, 4)], (g, x) => g.extentsOf(x, 1, 3), integers([3, 4])],
    ["the last extents", [counting(2, 3, 4)], (g, x) => g.extentsOf(x, -1), integers([4])],
    ["the number of elements", [counting(2, 3)], (g, x) => g.sizeOf(x), integers([6], [])],
    [
      "extents of several values, and numbers",
      [counting(2, 3), counting(5)],
      (g, x, y) => g.extents([y.shape?.[0] ?? 0, 1, ...(x.shape ?? []), 1]),
      integers([5, 1, 2, 3, 1]),
    ],
    ["no extents", [counting(2)], (g) => g.extents([]), integers([])],
    ["zeros like it", [counting(2, 1)], (g, x) => g.zerosLike(x), floats([0, 0], [2, 1])],
    ["ones like a scalar", [counting()], (g, x) => g.onesLike(x), floats([1], [])],
    ["one number in its shape", [counting(2)], (g, x) => g.fullLike(x, 0.5), floats([0.5, 0.5])],
    ["a reshape to extents", [counting(2, 3)], (g, x) => transposedShape(g, x), counting(3, 2)],
    ["a reshape to a vector", [counting(2, 3)], (g, x) => g.reshape(x, g.integers([3, -1])), counting(3, 2)],
    ["a reshape to no axes", [counting(1, 1)], (g, x) => g.reshape(x, []), counting()],
    ["the shape of another value", [counting(2, 3), counting(3, 2)], (g, x, y) => g.reshapeLike(x, y), counting(3, 2)],
    [
      "a broadcast to another value",
      [floats([1, 2], [2, 1]), counting(3, 2, 2)],
      (g, x, y) => g.expandLike(x, y),
      floats([1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2], [3, 2, 2]),
    ],
    [
      "a broadcast to extents",
      [counting(2)],
      (g, x) => g.expand(x, [2, ...(x.shape ?? [])]),
      floats([1, 2, 1, 2], [2, 2]),
    ],
    [
      "a transposition of the last axes",
      [counting(1, 2, 2)],
      (g, x) => g.transposeLast(x),
      floats([1, 3, 2, 4], [1, 2, 2]),
    ],
    ["axes less", [counting(1, 2, 1)], (g, x) => g.squeeze(x, [0, -1]), counting(2)],
    ["no axes less", [counting(1, 2, 1)], (g, x) => g.squeeze(x, []), counting(1, 2, 1)],
    ["axes more", [counting(2)], (g, x) => g.unsqueeze(x, [0, -1]), counting(1, 2, 1)],
    ["a slice", [counting(5)], (g, x) => g.slice(x, 0, 1, 3), floats([2, 3])],
    ["a slice to the end", [counting(2, 3)], (g, x) => g.slice(x, -1, 1), floats([2, 3, 5, 6], [2, 2])],
    [
      "a slice from where another value ends",
      [counting(5), counting(3)],
      (g, x, y) => g.slice(x, 0, g.shapeOf(y)),
      floats([4, 5]),
    ],
    ["0, 1, 2 below a number", [counting(2)], (g) => g.range(3), integers([0, 1, 2])],
    ["0, 1, 2 below an extent", [counting(3)], (g, x) => g.range(x.shape?.[0] ?? 0), integers([0, 1, 2])],
    ["rows", [counting(3, 2)], (g, x) => g.gather(x, g.integers([2, 0]), 0), floats([5, 6, 1, 2], [2, 2])],
    [
      "parts put together the other way round",
      [counting(4)],
      (g, x) => g.concat(g.split(x, 2, 0).toReversed(), 0),
      floats([3, 4, 1, 2]),
    ],
    ["one part", [counting(4)], (g, x) => g.concat(g.split(x, 1, 0), 0), counting(4)],
    [
      "updates added at indices",
      [counting(3), floats([10, 20])],
      (g, x, y) => g.scatterAdd(x, g.integers([2, 2]), y, 0),
      floats([1, 2, 33]),
    ],
  ])("%s", async (_, given, build, expected) => {
    expect(await computed(given, build)).toEqual(expected);
  });

  function transposedShape(g: Operators, x: Value): Value {
    return g.reshape(x, (x.shape ?? []).toReversed());
  }

  it("without elements can be reshaped, too", async () => {
    const empty = floats([], [0, 6]);
    const results = [
      await computed([empty], (g, x) => g.reshape(x, [0, 2, 3])),
      await computed([floats([], [6, 0])], (g, x) => g.reshape(x, [0, 6])),
      await computed([floats([], [3, 0])], (g, x) => g.reshape(x, [2, 0, 5])),
    ];
    expect(results.map(({ shape }) => shape)).toEqual([
      [0, 2, 3],
      [0, 6],
      [2, 0, 5],
    ]);
  });

  it("are asked for by people where they are not known", () => {
    const g = new Operators(new Emitter());
    const unknown = g.emitter.input("x", tensorFacts("float32", undefined));
    expect(refusal(() => g.rank(unknown))).toMatch(/^value "x": has an unknown rank/);
    expect(refusal(() => g.extent("m"))).toBe('extent "m": cannot be computed: no value has the extent "m"');
    expect(sizeOf(unknown)).toBeUndefined();
    expect(sizeOf(tensorFacts("float32", ["n", 3]))).toBe("3*n");
  });

  it("axes count from the front or from the back", () => {
    const g = new Operators(new Emitter());
    const x = g.emitter.input("x", tensorFacts("float32", ["n", 2, 3]));
    expect([0, 2, -1, -3].map((axis) => g.axis(x, axis))).toEqual([0, 2, 2, 0]);
  });
});

describe("reductions", () => {
  const x = counting(2, 3);
  it.each<[string, (g: Operators, x: Value) => Value, PlainTensor]>([
    ["the sum of all", (g, a) => g.reduceSum(a, undefined, false), floats([21], [])],
    ["the sum along an axis", (g, a) => g.reduceSum(a, [-1]), floats([6, 15], [2, 1])],
    ["the sum along no axes", (g, a) => g.reduceSum(a, []), x],
    ["the mean", (g, a) => g.reduceMean(a, [0], false), floats([2.5, 3.5, 4.5])],
    ["the maximum", (g, a) => g.reduceMax(a, [1], false), floats([3, 6])],
    ["what to divide by for it", (g, a) => g.div(g.reduceSum(a, [0, 1]), g.count(a, [0, -1])), floats([3.5], [1, 1])],
  ])("%s", async (_, build, expected) => {
    expect(await computed([x], build)).toEqual(expected);
  });
});

test("the gradient of what was broadcast is the sum over what it was repeated for", async () => {
  const extents = fc.array(fc.constantFrom(1, 2, 3), { minLength: 0, maxLength: 4 });
  const property = fc.asyncProperty(
    extents,
    fc.nat({ max: 4 }),
    fc.infiniteStream(fc.boolean()),
    async (full, dropped, kept) => {
      const own = full.slice(Math.min(dropped, full.length)).map((extent) => (kept.next().value === true ? extent : 1));
      const gradient = counting(...full);
      const { shape, values } = await computed([gradient, counting(...own)], (g, from, to) => g.unbroadcast(from, to));
      expect(shape).toEqual(own);
      const expected = counting(...own).values.map(() => 0);
      for (const [flat, value] of gradient.values.entries()) {
        const at = flatIndex(flat, full, own);
        expected[at] = (expected[at] ?? 0) + value;
      }
      expect(values).toEqual(expected);
    },
  );
  await fc.assert(property, { numRuns: 60, seed: 1 });
});

/** Where an element of the broadcast tensor comes from. */
function flatIndex(flat: number, full: readonly number[], own: readonly number[]): number {
  let [rest, result, stride] = [flat, 0, 1];
  for (let fromEnd = 1; fromEnd <= full.length; fromEnd++) {
    const extent = full.at(-fromEnd) ?? 1;
    const ownExtent = own.at(-fromEnd) ?? 1;
    if (fromEnd <= own.length && ownExtent > 1) result += (rest % extent) * stride;
    if (fromEnd <= own.length) stride *= ownExtent;
    rest = Math.floor(rest / extent);
  }
  return result;
}

test("axes whose extents may be 1 are compared while the graph runs", async () => {
  for (const [from, to] of [
    [
      [2, 3],
      [2, 3],
    ],
    [
      [2, 3],
      [1, 3],
    ],
    [
      [4, 2, 3],
      [2, 1],
    ],
  ] as const) {
    const g = new Operators(new Emitter());
    const shapes: readonly Shape[] = [from.map((_, axis) => `a${axis}`), to.map((_, axis) => `b${axis}`)];
    const [gradient, operand] = shapes.map((shape, index) =>
      g.emitter.input(`x${index}`, tensorFacts("float32", shape)),
    );
    if (gradient === undefined || operand === undefined) throw new Error("no inputs");
    const outputs = [{ name: "result", value: g.unbroadcast(gradient, operand) }];
    const feeds = { x0: counting(...from), x1: counting(...to) };
    const { result } = await runModel(standardModel(g.emitter.graph("g", outputs), "g"), feeds);
    const total = (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number, 0);
    expect(result?.shape).toEqual(to);
    expect(total(result?.values ?? [])).toBe(total(feeds.x0.values));
  }
});

describe("extents that follow from others are computed as they are written", () => {
  /** Expressions over a and b with numbers, quotients, maxima and minima. */
  const { expression } = fc.letrec<{ expression: Extent }>((tie) => ({
    expression: fc.oneof(
      { depthSize: "small", maxDepth: 4 },
      fc.constantFrom<Extent>("a", "b", 1, 2, 3),
      fc.tuple(tie("expression"), fc.constantFrom(2, 3, 4)).map(([x, divisor]) => floorDivide(x, divisor)),
      fc.tuple(tie("expression"), tie("expression")).map(([x, y]) => maximum(x, y)),
      fc.tuple(tie("expression"), tie("expression")).map(([x, y]) => minimum(x, y)),
      fc.tuple(tie("expression"), tie("expression")).map(([x, y]) => subtract(x, y)),
      fc.tuple(tie("expression"), fc.constantFrom(-2, 3)).map(([x, factor]) => multiply(x, factor)),
    ),
  }));

  it("also where they are negative on the way", async () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }));
    const property = fc.asyncProperty(expression, sizes, async (extent, [a, b]) => {
      const g = new Operators(new Emitter());
      g.emitter.input("x", tensorFacts("float32", ["a", "b"]));
      const outputs = [{ name: "result", value: g.extent(extent) }];
      const { result } = await runModel(standardModel(g.emitter.graph("g", outputs), "g"), { x: counting(a, b) });
      const expected = substitute(
        extent,
        new Map<string, Extent>([
          ["a", a],
          ["b", b],
        ]),
      );
      expect([extent, ...(result?.values ?? [])]).toEqual([extent, expected]);
    });
    await fc.assert(property, { numRuns: 150, seed: 1 });
  });
});

describe("bodies", () => {
  it("are written in the same words", async () => {
    const result = await computed([counting(3)], (g, x) => {
      const isLarge = g.greater(g.reduceSum(x, undefined, false), 100);
      const branch = (factor: number) => g.body("b", [], (inner) => [inner.mul(x, factor)]);
      const [thenBranch, elseBranch] = [branch(-1), branch(2)];
      const [y] = g.emitter.emit({
        opType: "If",
        inputs: [isLarge],
        attributes: { then_branch: thenBranch.graph, else_branch: elseBranch.graph },
        bodies: new Map([
          ["then_branch", thenBranch.outputs],
          ["else_branch", elseBranch.outputs],
        ]),
      });
      return y ?? g.unreachable("If");
    });
    expect(result).toEqual(floats([2, 4, 6]));
  });
});
