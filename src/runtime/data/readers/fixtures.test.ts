import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { DATA, expectedOf, readAll } from "./testing/read-source.js";

const files = Object.keys(JSON.parse(readFileSync(`${DATA}expected.json`, "utf8")) as object);

describe("what NumPy, PyArrow and MNIST's format hold is what is read", () => {
  test.for(files)("%s", async (file) => {
    expect(await readAll(DATA + file)).toEqual(expectedOf(file));
  });
});
