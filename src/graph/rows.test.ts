import { expect, test } from "vitest";
import { modelOf } from "./builder.js";
import { Emitter, type Value } from "./emitter.js";
import { Operators } from "./operators.js";
import { addRows, rowsOfTuples, scatterRows } from "./rows.js";
import { refusal } from "./testing/input-error.js";
import { floats, integers, type PlainTensor, runModel } from "./testing/run-model.js";

type Build = (g: Operators, inputs: readonly Value[]) => Value;

/** Runs a graph of the inputs given, all extents of which are known. */
async function run(feeds: readonly PlainTensor[], build: Build) {
  const g = new Operators(new Emitter());
  const inputs = feeds.map(({ dataType, shape }, index) => g.emitter.input(`x${index}`, { dataType, shape }));
  const graph = g.emitter.graph("rows", [{ value: build(g, inputs), name: "y" }]);
  const named = Object.fromEntries(feeds.map((feed, index) => [`x${index}`, feed]));
  const { y } = await runModel(modelOf(graph, 24, 11), named);
  return { graph, values: y?.values ?? [] };
}

const [first, second, third] = [
  [1, 2],
  [10, 20],
  [100, 200],
];

test("rows that go to one place are added up, also those counted from the back", async () => {
  const feeds = [floats(Array(6).fill(7), [3, 2]), integers([0, 2, -1]), floats([first, second, third].flat(), [3, 2])];
  const { values } = await run(feeds, (g, [like, rows, updates]) =>
    addRows(g, given(like), { rows: given(rows), width: 2 }, given(updates)),
  );
  expect(values).toEqual([...first, 0, 0, 110, 220]);
});

test("the zeros of a large table are no constant", async () => {
  const [extent, width] = [300, 256];
  const feeds = [
    floats(Array(extent * width).fill(NaN), [extent, width]),
    integers([299, 1, 299]),
    floats(Array(3 * width).fill(1), [3, width]),
  ];
  const { graph, values } = await run(feeds, (g, [like, rows, updates]) =>
    addRows(g, given(like), { rows: given(rows), width }, given(updates)),
  );
  const sums = Array.from({ length: extent }, (_, row) =>
    values.slice(row * width, (row + 1) * width).reduce((sum, value) => sum + value, 0),
  );
  expect(sums.filter((sum) => sum !== 0)).toEqual([width, 2 * width]);
  expect([sums[1], sums[299]]).toEqual([width, 2 * width]);
  expect(graph.nodes.map(({ opType }) => opType)).not.toContain("ConstantOfShape");
});

test("rows are reduced into what is there", async () => {
  const feeds = [floats([1, 5, 1, 5], [2, 2]), integers([1, 1]), floats([3, 2, 2, 9], [2, 2])];
  const { values } = await run(feeds, (g, [table, rows, updates]) =>
    scatterRows(g, given(table), { rows: given(rows), width: 2 }, given(updates), "max"),
  );
  expect(values).toEqual([1, 5, 3, 9]);
});

test("tuples name rows, behind axes that they have in common with the table", async () => {
  const tuples = integers([0, 1, -1, -2, 1, 0, 0, 0], [2, 2, 2]);
  const { values } = await run([floats(Array(36).fill(0), [2, 3, 2, 3]), tuples], (g, [table, indices]) => {
    const { rows, width } = rowsOfTuples(g, given(table), given(indices), 1, "here");
    expect(width).toBe(3);
    return g.cast(rows, "float32");
  });
  expect(values).toEqual([1, 4, 8, 6]);
});

test("tuples of unknown length are refused", () => {
  const g = new Operators(new Emitter());
  const table = g.emitter.input("table", { dataType: "float32", shape: [2, 3] });
  const indices = g.emitter.input("indices", { dataType: "int64", shape: [2, "length"] });
  const message = refusal(() => rowsOfTuples(g, table, indices, 0, 'GatherND "g"'));
  expect(message).toBe('GatherND "g": has index tuples of a length that is not known');
});

function given(value: Value | undefined): Value {
  if (value === undefined) throw new Error("too few inputs");
  return value;
}
