import { describe, expect, it } from "vitest";
import { batchCount, epochBatches, type EpochOptions, grouped, inOrder } from "./batches.js";
import { numbers } from "./testing/small-trainings.js";

const options: EpochOptions = {
  epoch: 1,
  batchSize: 3,
  seed: 0,
  shuffle: true,
  skip: 0,
  isFixed: false,
  countedBy: "target",
  inUse: 1,
};

/** The first feature of every example, by batch. */
async function batches(more: Partial<EpochOptions>): Promise<readonly (readonly unknown[])[]> {
  const found: unknown[][] = [];
  for await (const { batch, examples } of epochBatches(numbers(8), { ...options, ...more })) {
    expect(batch["x"]?.dims).toEqual([examples, 4]);
    found.push([...(batch["target"]?.data ?? [])]);
  }
  return found;
}

async function* later<Item>(...items: readonly Item[]): AsyncGenerator<Item> {
  for (const item of items) yield await Promise.resolve(item);
}

async function all<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe("the batches of an epoch", () => {
  it("are the same again, whichever of them are wanted", async () => {
    const whole = await batches({});
    expect(whole.map(({ length }) => length)).toEqual([3, 3, 2]);
    for (const skip of [0, 1, 2, 3, 4]) expect(await batches({ skip })).toEqual(whole.slice(skip));
  });

  it("are as many as they are said to be", async () => {
    for (const batchSize of [1, 2, 3, 5, 8]) {
      for (const isFixed of [false, true]) {
        expect(await batches({ batchSize, isFixed })).toHaveLength(batchCount(numbers(8), batchSize, isFixed) ?? NaN);
      }
    }
    expect(batchCount(() => [], 3, false)).toBeNull();
  });

  it("have one size where they must", async () => {
    expect((await batches({ isFixed: true })).map(({ length }) => length)).toEqual([3, 3]);
  });

  it("depend on seed and epoch", async () => {
    const orders = await Promise.all([{}, { epoch: 2 }, { seed: 1 }].map(batches));
    expect(new Set(orders.map((order) => JSON.stringify(order))).size).toBe(3);
  });

  it("are read into the memory of those that are not in use any more", async () => {
    const memories: unknown[][] = [];
    for await (const group of grouped(epochBatches(numbers(14), { ...options, inUse: 2 }), 2)) {
      memories.push(group.map(({ batch }) => batch["x"]?.data));
      expect(new Set(memories.at(-1)).size).toBe(group.length);
    }
    // The last one is smaller.
    expect(memories.map(({ length }) => length)).toEqual([2, 2, 1]);
    expect(memories[1]).toEqual(memories[0]);
    expect(memories[1]?.every((memory, index) => memory === memories[0]?.[index])).toBe(true);
    expect(memories[0]).not.toContain(memories[2]?.[0]);
  });

  it("come in order for a validation", async () => {
    const found = await all(inOrder(numbers(8), 5, false));
    const [whole] = await all(inOrder(numbers(8), 8, false));
    expect(found.flatMap(({ batch }) => [...(batch["target"]?.data ?? [])])).toEqual([
      ...(whole?.batch["target"]?.data ?? []),
    ]);
  });
});

describe("groups", () => {
  it("have the items in order, the last one what is left", async () => {
    expect(await all(grouped(later(1, 2, 3, 4, 5), 2))).toEqual([[1, 2], [3, 4], [5]]);
    expect(await all(grouped(later(1, 2, 3, 4), 2))).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(await all(grouped(later(1, 2), 5))).toEqual([[1, 2]]);
    expect(await all(grouped(later(), 5))).toEqual([]);
  });

  it("take no more than is asked for", async () => {
    let taken = 0;
    async function* counting() {
      for (;;) yield await Promise.resolve(++taken);
    }
    for await (const group of grouped(counting(), 3)) {
      expect(group).toEqual([1, 2, 3]);
      break;
    }
    expect(taken).toBe(3);
  });
});
