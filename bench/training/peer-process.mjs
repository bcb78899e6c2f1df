// A peer at work: one process that lives long, asked by lines of JSON, asleep between them.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { z } from "zod";

const greeting = z.union([z.object({ versions: z.record(z.string(), z.string()) }), z.object({ missing: z.string() })]);
const prepared = z.union([
  z.object({
    losses: z.array(z.number()),
    /** From the files of the workload to the end of the first step. */
    firstStep: z.number(),
    /** Of ours: until the graphs are ready to run. */
    opened: z.number().optional(),
    annotate: z.number().optional(),
    rewrite: z.number().optional(),
  }),
  z.object({ unsupported: z.string() }),
  z.object({ failed: z.string() }),
]);
const block = z.union([z.object({ steps: z.number(), seconds: z.number() }), z.object({ failed: z.string() })]);
const memory = z.object({ peak: z.number() });

/**
 * @typedef {import("./peers.mjs").Peer} Peer
 * @typedef {z.infer<typeof prepared>} Prepared
 */

export class PeerProcess {
  /** @type {Peer} */ peer;
  /** @type {Readonly<Record<string, string>>} */ versions;
  #child;
  #lines;

  /**
   * @param {Peer} peer @param {import("node:child_process").ChildProcessWithoutNullStreams} child
   * @param {AsyncIterator<string>} lines @param {Readonly<Record<string, string>>} versions
   */
  constructor(peer, child, lines, versions) {
    this.peer = peer;
    this.versions = versions;
    this.#child = child;
    this.#lines = lines;
  }

  /** @param {Peer} peer @param {number} threads @returns {Promise<PeerProcess | { readonly missing: string }>} */
  static async open(peer, threads) {
    const limits = ["BENCH_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"];
    const environment = Object.fromEntries(limits.map((name) => [name, String(threads)]));
    const child = spawn(peer.program, peer.args, { env: { ...process.env, ...environment, ...peer.environment } });
    const errors = tail(child.stderr);
    const failure = new Promise((/** @type {(why: string) => void} */ resolve) => {
      child.on("error", (error) => resolve(error.message));
    });
    child.stdin.on("error", () => {}); // the process has ended; its missing answer says so
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const first = await Promise.race([lines.next(), failure]);
    if (typeof first === "string") return { missing: first };
    if (first.done === true) return { missing: `ended at once: ${errors()}` };
    const greeted = greeting.parse(JSON.parse(first.value));
    if ("missing" in greeted) return greeted;
    return new PeerProcess(peer, child, lines, greeted.versions);
  }

  /** @param {string} workload @returns {Promise<Prepared>} */
  async prepare(workload) {
    return prepared.parse(await this.#ask({ do: "prepare", workload }));
  }

  /** Seconds of one step, the mean of a block that takes so long. @param {number} seconds @throws where the peer fails */
  async secondsPerStep(seconds) {
    const answer = block.parse(await this.#ask({ do: "run", seconds }));
    if ("failed" in answer) throw new Error(`${this.peer.title}: ${answer.failed}`);
    return answer.seconds / answer.steps;
  }

  /** The peak of its resident memory, in bytes. */
  async peakMemory() {
    return memory.parse(await this.#ask({ do: "memory" })).peak;
  }

  async release() {
    await this.#ask({ do: "release" });
  }

  async close() {
    const isEnded = this.#child.exitCode !== null || this.#child.signalCode !== null;
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.stdin.end();
    if (!isEnded) await ended;
  }

  /** @param {object} request @returns {Promise<unknown>} */
  async #ask(request) {
    this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    const line = await this.#lines.next();
    if (line.done !== true) return JSON.parse(line.value);
    return { failed: `the process has ended (${this.#child.signalCode ?? this.#child.exitCode})` };
  }
}

/** The last line of what a stream says. @param {import("node:stream").Readable} stream */
function tail(stream) {
  let text = "";
  stream.on("data", (/** @type {Buffer} */ chunk) => {
    text = (text + chunk.toString()).slice(-4000);
  });
  return () => text.trim().split("\n").at(-1) ?? "";
}
