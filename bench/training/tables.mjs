// What was measured, for people.
import { markdownTable } from "markdown-table";

/**
 * @typedef {import("./peers.mjs").Peer} Peer
 * @typedef {import("./steps.mjs").StepResult} StepResult
 * @typedef {import("./starts.mjs").StartResult} StartResult
 */

/** Peer time over our time: median of the rounds, and quartiles. @param {readonly StepResult[]} results @param {readonly Peer[]} peers */
export function ratioTable(results, peers) {
  const rows = results.map(({ title, floor, measured }) => {
    const ours = measured.find(({ peer }) => peer === "ours")?.median;
    const cells = peers.map(({ name }) => {
      const ratio = measured.find(({ peer }) => peer === name)?.ratio;
      return ratio === undefined ? "-" : `${digits(ratio.median)} (${digits(ratio.lower)}–${digits(ratio.upper)})`;
    });
    return [
      title,
      milliseconds(floor.seconds),
      milliseconds(ours),
      ours === undefined ? "-" : digits(ours / floor.seconds),
      ...cells,
    ];
  });
  const header = ["their time / ours", "floor: ms", "ours: ms", "ours / floor", ...peers.map(({ title }) => title)];
  return table(header, rows);
}

/** @param {readonly StepResult[]} results @param {readonly Peer[]} peers */
export function millisecondsTable(results, peers) {
  const rows = results.map(({ title, measured }) => [
    title,
    ...["ours", ...peers.map(({ name }) => name)].map((name) =>
      milliseconds(measured.find(({ peer }) => peer === name)?.median),
    ),
  ]);
  return table(["a step: ms", "ours", ...peers.map(({ title }) => title)], rows);
}

/** Seconds until the first step is done, and peak memory. @param {readonly StartResult[]} results @param {readonly Peer[]} peers */
export function startTable(results, peers) {
  const rows = results.map(({ title, starts }) => {
    const ours = starts.find(({ peer }) => peer === "ours");
    const all = peers.map(({ name }) => starts.find(({ peer }) => peer === name));
    return [
      title,
      milliseconds(ours?.annotate),
      milliseconds(ours?.rewrite),
      milliseconds(ours?.opened),
      ...all.map((start) => milliseconds(start?.firstStep)),
      ...all.map((start) => (start === undefined ? "-" : String(Math.round(start.peak / 2 ** 20)))),
    ];
  });
  const header = [
    "ms",
    "annotate",
    "rewrite",
    "ready to run",
    ...peers.map(({ title }) => `first step: ${title}`),
    ...peers.map(({ title }) => `peak MB: ${title}`),
  ];
  return table(header, rows);
}

/** Failures one by one. @param {readonly StepResult[]} results @returns {readonly string[]} */
export function failures(results) {
  return results.flatMap(({ workload, omitted }) =>
    omitted.filter(({ isFailure }) => isFailure).map(({ peer, why }) => `${workload}: ${peer}: ${why}`),
  );
}

/** @param {readonly string[]} header @param {readonly (readonly string[])[]} rows */
function table(header, rows) {
  return markdownTable([header, ...rows], { align: header.map((_, column) => (column === 0 ? "l" : "r")) });
}

/** Three digits. @param {number} value */
function digits(value) {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

/** @param {number | undefined} seconds */
function milliseconds(seconds) {
  return seconds === undefined ? "-" : digits(seconds * 1000);
}
