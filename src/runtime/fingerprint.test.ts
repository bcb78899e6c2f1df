import { describe, expect, it } from "vitest";
import { refusal } from "../graph/testing/input-error.js";
import { type Fingerprint, requireSameTraining } from "./fingerprint.js";

const then: Fingerprint = { model: "abc", loss: { name: "mse", weight: 1 }, "batch size": 32, data: null };
const check =
  (now: Fingerprint, text = JSON.stringify(then)) =>
  () =>
    requireSameTraining(now, text, "step-1");

describe("a training is the same", () => {
  it("whatever the order in which things are named", () => {
    expect(check(then)).not.toThrow();
    expect(check({ data: null, loss: { weight: 1, name: "mse" }, "batch size": 32, model: "abc" })).not.toThrow();
  });

  it("unless something differs, which is named with what it was and is", () => {
    expect(refusal(check({ ...then, "batch size": 64 }))).toBe(
      "step-1: is of a training with another batch size (32, now 64); go on as it began, or start anew in another folder",
    );
    expect(refusal(check({ ...then, loss: { name: "mse", weight: 2 } }))).toMatch(
      /another loss \(\{"name":"mse","weight":1\}, now \{"name":"mse","weight":2\}\)/,
    );
    expect(refusal(check({ ...then, seed: 0 }))).toMatch(/another seed \(none, now 0\)/);
  });

  it("of which the part is shown in which it does", () => {
    const data = (mean: number) => ({
      columns: Array.from({ length: 50 }, (_, index) => ({ index, mean: index === 30 ? mean : 0 })),
    });
    const message = refusal(check({ ...then, data: data(2) }, JSON.stringify({ ...then, data: data(1) })));
    expect(message).toMatch(
      /\(\.\.\.[^.]*"index":30,"mean":1\}[^.]*\.\.\., now \.\.\.[^.]*"index":30,"mean":2\}[^.]*\.\.\.\)/,
    );
    expect(message.length).toBeLessThan(320);
  });

  it("and a file that says nothing is of none", () => {
    for (const text of ["", "null", "{", "{}"]) {
      expect(refusal(check(then, text))).toBe("step-1: does not say of which training it is; is it a checkpoint?");
    }
  });
});
