import { expect, it } from "vitest";
import { refusal } from "../../testing/input-error.js";
import { integers } from "../../testing/run-model.js";
import { tensorFacts } from "../facts.js";
import { expectRuntimeAgrees, inferredTypes } from "../testing/runtime-agreement.js";

const strings = tensorFacts("string", ["rows", 4]);

it("strings keep their shape, gain an axis for their parts, or lose stop words", () => {
  expect(inferredTypes("StringSplit", [strings], {}, 2)).toEqual(["string[rows, 4, o0_dim2]", "int64[rows, 4]"]);
  expect(inferredTypes("RegexFullMatch", [strings], { pattern: "a+" })).toEqual(["bool[rows, 4]"]);
  expect(inferredTypes("StringConcat", [strings, tensorFacts("string", [1])])).toEqual(["string[rows, 4]"]);
  expect(inferredTypes("StringNormalizer", [tensorFacts("string", [1, 4])])).toEqual(["string[1, 4]"]);
  expect(inferredTypes("StringNormalizer", [tensorFacts("string", [1, 4])], { stopwords: ["a"] })).toEqual([
    "string[1, o0_dim1]",
  ]);
});

it("TfIdfVectorizer counts in as many columns as its indexes need", async () => {
  const attributes = {
    mode: "TF",
    min_gram_length: 1,
    max_gram_length: 1,
    max_skip_count: 0,
    ngram_counts: [0],
    ngram_indexes: [0, 4, 2],
    pool_int64s: [1, 2, 3],
  };
  await expectRuntimeAgrees("TfIdfVectorizer", [integers([1, 2, 3, 1, 5, 2], [2, 3])], attributes);
  await expectRuntimeAgrees("TfIdfVectorizer", [integers([1, 2, 3])], attributes);
  expect(refusal(() => inferredTypes("TfIdfVectorizer", [tensorFacts("int64", [2])]))).toContain(
    "lacks its attribute ngram_indexes",
  );
});
