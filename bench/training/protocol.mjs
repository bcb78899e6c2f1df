// The protocol of ../peers/protocol.py, for peers that are written in JavaScript.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { z } from "zod";

export const CHECKED_STEPS = 3;
/** Before each block, so that it does not begin with cold caches; steps longer than SLOW_SECONDS need none. */
const WARM_SECONDS = 0.02;
const SLOW_SECONDS = 0.1;

/**
 * @typedef {{ readonly steps: number, readonly seconds: number }} Block
 * @typedef {{
 *   prepare(workload: string): Promise<Readonly<Record<string, unknown>>>,
 *   run(seconds: number): Promise<Block>,
 *   release(): Promise<void>,
 * }} Served `run` trains at least so long
 */

const request = z.discriminatedUnion("do", [
  z.object({ do: z.literal("prepare"), workload: z.string() }),
  z.object({ do: z.literal("run"), seconds: z.number() }),
  z.object({ do: z.literal("memory") }),
  z.object({ do: z.literal("release") }),
]);

/** A workload that a peer does not have. */
export class Unsupported extends Error {}

/**
 * Answers until standard input ends.
 * @param {() => Promise<{ versions: Readonly<Record<string, string>>, served: Served }>} open
 */
export async function serve(open) {
  const reply = (/** @type {object} */ message) => process.stdout.write(`${JSON.stringify(message)}\n`);
  /** @type {Served} */
  let served;
  try {
    const opened = await open();
    reply({ versions: { node: process.versions.node, ...opened.versions } });
    served = opened.served;
  } catch (error) {
    reply({ missing: messageOf(error) });
    return;
  }
  let isSlow = false;
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      const asked = request.parse(JSON.parse(line));
      if (asked.do === "prepare") isSlow = false;
      if (asked.do === "run" && !isSlow) await served.run(WARM_SECONDS);
      const answered = await answer(served, asked);
      if ("steps" in answered) isSlow = answered.seconds > SLOW_SECONDS * answered.steps;
      reply(answered);
    } catch (error) {
      reply(error instanceof Unsupported ? { unsupported: error.message } : { failed: messageOf(error) });
    }
  }
}

/** @param {Served} served @param {z.infer<typeof request>} asked @returns {Promise<Block | object>} */
async function answer(served, asked) {
  switch (asked.do) {
    case "prepare":
      return await served.prepare(asked.workload);
    case "run":
      return await served.run(asked.seconds);
    case "memory":
      return { peak: peakMemory() };
    case "release":
      await served.release();
      return {};
  }
}

/** VmHWM in bytes: the largest resident size that the kernel has seen of this process; elsewhere what Node.js says. */
function peakMemory() {
  try {
    const kilobytes = /VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    if (kilobytes !== undefined) return Number(kilobytes) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}

/**
 * Trains at least so long, in pieces that double until they take a tenth of it.
 * @param {(steps: number) => Promise<void> | void} train @param {number} seconds
 * @returns {Promise<Block>}
 */
export async function measured(train, seconds) {
  let [piece, steps] = [1, 0];
  const start = performance.now();
  for (;;) {
    const before = performance.now();
    await train(piece);
    steps += piece;
    const now = performance.now();
    if (now - start >= seconds * 1000) return { steps, seconds: (now - start) / 1000 };
    if (now - before < seconds * 100) piece *= 2;
  }
}

/** @param {unknown} error */
function messageOf(error) {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}
