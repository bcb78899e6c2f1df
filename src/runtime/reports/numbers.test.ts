import { expect, it } from "vitest";
import { brief, count, duration, percent, probability, significant } from "./numbers.js";

it.each([
  [0, "0", "0"],
  [0.412, "0.4120", "0.412"],
  [-12.345678, "-12.35", "-12.35"],
  [100, "100.0", "100"],
  [9999.96, "10000", "10000"],
  [12_345.6, "12346", "12346"],
  [0.0001, "0.0001000", "0.0001"],
  [4.12e-7, "4.120e-7", "4.12e-7"],
  [1e12, "1.000e+12", "1e+12"],
  [2.65008e10, "2.650e+10", "2.65e+10"],
  [2.6501e20, "2.650e+20", "2.65e+20"],
  [1.234e-10, "1.234e-10", "1.234e-10"],
  [Number.NaN, "n/a", "n/a"],
  [Number.NEGATIVE_INFINITY, "-Infinity", "-Infinity"],
])("%d has four significant digits: %s, or briefly %s", (value, full, short) => {
  expect(significant(value)).toBe(full);
  expect(brief(value)).toBe(short);
});

it.each([
  [0.04, "0.0 s"],
  [9.94, "9.9 s"],
  [9.96, "10 s"],
  [59.6, "1 min"],
  [80, "1 min 20 s"],
  [3600, "1 h"],
  [7500, "2 h 5 min"],
  [273_600, "3 d 4 h"],
  [Number.POSITIVE_INFINITY, "unknown"],
])("%d seconds are %s", (seconds, text) => expect(duration(seconds)).toBe(text));

it("counts have separators", () => expect(count(1_234_567.8)).toBe("1,234,568"));

it.each([
  [2.068, "+2.07%"],
  [-0.26, "-0.26%"],
  [0, "0.00%"],
  [Number.NaN, "n/a"],
  [Number.POSITIVE_INFINITY, "n/a"],
])("%d as a difference is %s", (value, text) => expect(percent(value)).toBe(text));

it.each([
  [0.02351, "0.024"],
  [0.0009, "<0.001"],
  [Number.NaN, "n/a"],
])("%d as a probability is %s", (value, text) => expect(probability(value)).toBe(text));
