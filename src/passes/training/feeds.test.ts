import { describe, expect, it } from "vitest";
import { refusal } from "../../graph/testing/input-error.js";
import type { ContractArtifact } from "./contract.js";
import { checkFeeds } from "./feeds.js";

const artifact: ContractArtifact = {
  file: "gradient.onnx",
  inputs: [
    { name: "x", role: "feature", dtype: "float32", shape: ["batch", 8] },
    { name: "target", role: "target", dtype: "int64", shape: ["batch"] },
    { name: "w", role: "parameter", of: "w", dtype: "float32", shape: [8, 3] },
  ],
  outputs: [],
};
const feeds = {
  x: { type: "float32", dims: [4, 8] },
  target: { type: "int64", dims: [4] },
  w: { type: "float32", dims: [8, 3] },
};

describe("checkFeeds", () => {
  it("takes what fits", () => {
    expect(() => checkFeeds(artifact, feeds)).not.toThrow();
  });

  it("names labels of the wrong type, and the way out", () => {
    const wrong = { ...feeds, target: { type: "float32", dims: [4] } };
    expect(refusal(() => checkFeeds(artifact, wrong))).toBe(
      'target "target": holds float32, and should hold int64; class numbers are whole; for a probability of each class, rewrite with --labels probabilities',
    );
  });

  it("names shapes that are wrong, or do not go together", () => {
    expect(refusal(() => checkFeeds(artifact, { ...feeds, w: { type: "float32", dims: [3, 8] } }))).toBe(
      'parameter "w": has the shape [3, 8], and should have [8, 3]',
    );
    expect(refusal(() => checkFeeds(artifact, { ...feeds, x: { type: "float32", dims: [8] } }))).toMatch(
      /feature "x": has the shape \[8\], and should have \[batch, 8\]/,
    );
    expect(refusal(() => checkFeeds(artifact, { ...feeds, target: { type: "int64", dims: [5] } }))).toBe(
      'target "target": has the shape [5], and should have [batch], where "batch" is 4 in "x"',
    );
  });

  it("takes any shape where the contract knows none, and no other type", () => {
    const unknown = { ...artifact, inputs: [{ name: "x", role: "feature", dtype: "float32", shape: null }] } as const;
    for (const dims of [[], [2], [2, 3]]) {
      expect(() => checkFeeds(unknown, { x: { type: "float32", dims } })).not.toThrow();
    }
    expect(refusal(() => checkFeeds(unknown, { x: { type: "int64", dims: [2] } }))).toBe(
      'feature "x": holds int64, and should hold float32',
    );
  });

  it("names what is missing, and what is unknown", () => {
    expect(refusal(() => checkFeeds(artifact, { x: feeds.x, w: feeds.w }))).toMatch(/target "target": is missing/);
    expect(refusal(() => checkFeeds(artifact, { ...feeds, y: feeds.x }))).toMatch(
      /"y": is no input of gradient\.onnx; those are x, target, w/,
    );
  });
});
