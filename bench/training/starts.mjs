// How long it takes to begin, and the memory that it takes: every workload in a process of its own.
import { PeerProcess } from "./peer-process.mjs";

/** Long enough for all that training allocates. */
const SECONDS = 0.5;

/**
 * @typedef {{
 *   readonly peer: string,
 *   readonly firstStep: number,
 *   readonly peak: number,
 *   readonly opened?: number | undefined,
 *   readonly annotate?: number | undefined,
 *   readonly rewrite?: number | undefined,
 * }} Start
 * @typedef {{ readonly workload: string, readonly title: string, readonly starts: readonly Start[] }} StartResult
 */

/**
 * @param {import("./workloads.mjs").Workload} workload @param {readonly import("./peers.mjs").Peer[]} peers @param {number} threads
 * @returns {Promise<StartResult>}
 */
export async function measureStarts(workload, peers, threads) {
  /** @type {Start[]} */
  const starts = [];
  for (const peer of peers) {
    const process = await PeerProcess.open(peer, threads);
    if (!(process instanceof PeerProcess)) continue;
    const prepared = await process.prepare(workload.name);
    if ("firstStep" in prepared) {
      const { firstStep, opened, annotate, rewrite } = prepared;
      await process.secondsPerStep(SECONDS);
      starts.push({ peer: peer.name, firstStep, peak: await process.peakMemory(), opened, annotate, rewrite });
    }
    await process.close();
  }
  return { workload: workload.name, title: workload.title, starts };
}
