// Time of a training step: all peers in turn, block by block, so that what else the machine does hits all alike.
import { setTimeout } from "node:timers/promises";
import { floorOf } from "./floor.mjs";
import { median, quantile } from "./statistics.mjs";

/**
 * Losses may differ by so much from the reference's, or from a tenth of its first one where that is more: Adam's first
 * steps make of rounding errors in small gradients whole steps, and at the kink of a ReLU a gradient comes or goes with
 * the last bit. PyTorch's own losses of three steps of ResNet-18 are 0.13% from those in float64.
 */
const TOLERANCE = 5e-3;
/** Threads that wait for work spin for a while before they sleep. */
const PAUSE_MILLISECONDS = 20;

/**
 * @typedef {import("./peer-process.mjs").PeerProcess} PeerProcess
 * @typedef {import("./workloads.mjs").Workload} Workload
 * @typedef {{
 *   readonly peer: string,
 *   readonly seconds: readonly number[],
 *   readonly median: number,
 *   readonly ratio?: { readonly median: number, readonly lower: number, readonly upper: number },
 *   readonly losses: readonly number[],
 *   readonly firstStep: number,
 * }} Measured `seconds` of a step by round; `ratio` to ours, with its quartiles
 * @typedef {{ readonly peer: string, readonly why: string, readonly isFailure: boolean }} Omitted
 * @typedef {{
 *   readonly workload: string,
 *   readonly title: string,
 *   readonly floor: import("./floor.mjs").Floor,
 *   readonly measured: readonly Measured[],
 *   readonly omitted: readonly Omitted[],
 * }} StepResult
 */

/**
 * @param {Workload} workload @param {readonly PeerProcess[]} processes ours first, then the reference for losses
 * @param {{ readonly folder: string, readonly peak: import("./machine.mjs").Peak, readonly rounds: number, readonly seconds: number }} how
 * @returns {Promise<StepResult>}
 */
export async function measureSteps(workload, processes, { folder, peak, rounds, seconds }) {
  /** @type {Omitted[]} */
  const omitted = [];
  /** @type {{ process: PeerProcess, losses: readonly number[], firstStep: number, seconds: number[] }[]} */
  const ready = [];
  for (const process of processes) {
    const prepared = await process.prepare(workload.name);
    const { name } = process.peer;
    if ("unsupported" in prepared) omitted.push({ peer: name, why: prepared.unsupported, isFailure: false });
    else if ("failed" in prepared) omitted.push({ peer: name, why: prepared.failed, isFailure: true });
    else ready.push({ process, losses: prepared.losses, firstStep: prepared.firstStep, seconds: [] });
  }
  const reference = ready.find(({ process }) => process.peer.name !== "ours")?.losses ?? [];
  const alike = ready.filter(({ process, losses }) => {
    const why = difference(losses, reference);
    if (why !== undefined) omitted.push({ peer: process.peer.name, why, isFailure: true });
    return why === undefined;
  });
  const running = new Set(alike);
  for (let round = 0; round < rounds; round++) {
    for (const one of running) {
      await setTimeout(PAUSE_MILLISECONDS);
      try {
        one.seconds.push(await one.process.secondsPerStep(seconds));
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        omitted.push({ peer: one.process.peer.name, why, isFailure: true });
        running.delete(one);
      }
    }
  }
  for (const { process } of ready) await process.release();
  const base = [...running].find(({ process }) => process.peer.name === "ours")?.seconds;
  const measured = [...running].map(({ process, losses, firstStep, seconds: times }) => ({
    peer: process.peer.name,
    seconds: times,
    median: median(times),
    ...(base === undefined || times === base ? {} : { ratio: ratioOf(times, base) }),
    losses,
    firstStep,
  }));
  return { workload: workload.name, title: workload.title, floor: floorOf(workload, folder, peak), measured, omitted };
}

/** Of each round, so that slow moments of the machine fall out. @param {readonly number[]} theirs @param {readonly number[]} ours */
function ratioOf(theirs, ours) {
  const ratios = theirs.map((seconds, round) => seconds / (ours[round] ?? Number.NaN));
  return { median: median(ratios), lower: quantile(ratios, 0.25), upper: quantile(ratios, 0.75) };
}

/** Why two peers do not train the same thing. A peer may tell fewer losses. @param {readonly number[]} losses @param {readonly number[]} reference */
function difference(losses, reference) {
  for (const [step, loss] of losses.entries()) {
    const wanted = reference[step] ?? loss;
    const scale = Math.max(Math.abs(wanted), Math.abs(reference[0] ?? 0) / 10);
    if (Math.abs(loss - wanted) <= TOLERANCE * scale) continue;
    return `trains something else: the loss of step ${step + 1} is ${loss} and not ${wanted}`;
  }
  return undefined;
}
