// Training beside other frameworks: the same network from the same weights, batches, Adam and number of threads.
//
//   npm run bench -- [--workload 'california-*'] [--peer jax] [--section steps] [--threads 2] [--rounds 7]
//
// Sections: `steps`, the time of a training step, and of an update alone, in rounds through all peers; `starts`, the time
// to the first step and the peak memory, each in a process of its own. PYTHON names an interpreter with PyTorch, JAX and
// Keras; README.md says how to install the other peers. One that is missing is named, with the reason.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { InputError, writeFile } from "../dist/src/index.js";
import { chosen } from "./training/chosen.mjs";
import { machineOf, peakOf } from "./training/machine.mjs";
import { PeerProcess } from "./training/peer-process.mjs";
import { allPeers, folderOf, ours } from "./training/peers.mjs";
import { measureStarts } from "./training/starts.mjs";
import { measureSteps } from "./training/steps.mjs";
import { failures, millisecondsTable, ratioTable, startTable } from "./training/tables.mjs";
import { exportWorkloads, isUpdate, workloads as allWorkloads } from "./training/workloads.mjs";

const SECTIONS = /** @type {const} */ (["steps", "starts"]);

process.on("uncaughtException", (error) => {
  const isInput = error instanceof InputError || ("code" in error && String(error.code).startsWith("ERR_PARSE_ARGS"));
  note(isInput ? `error: ${error.message}` : (error.stack ?? error.message));
  process.exit(isInput ? 2 : 1);
});

const { values } = parseArgs({
  options: {
    workload: { type: "string", multiple: true, default: [] },
    peer: { type: "string", multiple: true, default: [] },
    section: { type: "string", multiple: true, default: [...SECTIONS] },
    threads: { type: "string" },
    rounds: { type: "string", default: "5" },
    /** Of a block, at least. */
    seconds: { type: "string", default: "0.2" },
    output: { type: "string", default: "training-step.json" },
    cache: {
      type: "string",
      default: fileURLToPath(new URL("../node_modules/.cache/caadam-bench", import.meta.url)),
    },
  },
});
for (const section of values.section) {
  if (!SECTIONS.some((known) => known === section))
    throw new InputError(`--section ${section}`, `is not ${SECTIONS.join(" or ")}`);
}

const start = performance.now();
const machine = machineOf();
const threads = positive("--threads", values.threads ?? String(Math.min(2, machine.cores)));
const rounds = positive("--rounds", values.rounds);
const places = { cache: values.cache, python: process.env["PYTHON"] ?? "python3" };
const folder = folderOf(places.cache);
const workloads = chosen("workload", allWorkloads, values.workload);
const peers = chosen("peer", allPeers(places), values.peer);

exportWorkloads(folder, workloads, places.python);
if (machine.load > 0.5) {
  note(
    `others compute on this machine (load ${machine.load.toFixed(1)}): trust ratios more than times, and neither much`,
  );
}
const peak = await peakOf(threads);
const processes = await openAll([ours(places), ...peers]);
const present = peers.filter(({ name }) => processes.opened.some(({ peer }) => peer.name === name));

/** @type {import("./training/steps.mjs").StepResult[]} */
const steps = [];
/** @type {import("./training/starts.mjs").StartResult[]} */
const starts = [];
if (values.section.includes("steps")) {
  for (const workload of workloads) {
    const how = { folder, peak, rounds, seconds: Number(values.seconds) };
    steps.push(await measureSteps(workload, processes.opened, how));
    note(`${workload.name} (${((performance.now() - start) / 1000).toFixed(0)} s)`);
    write();
  }
}
for (const opened of processes.opened) await opened.close();

// Frameworks whose variants begin alike are measured once.
const started = [ours(places), ...present.filter(({ name }) => name === "pytorch" || name === "jax")];
if (values.section.includes("starts")) {
  for (const workload of workloads) {
    if (isUpdate(workload)) continue;
    starts.push(await measureStarts(workload, started, threads));
    note(`${workload.name}: start (${((performance.now() - start) / 1000).toFixed(0)} s)`);
    write();
  }
}

console.log(
  `${new Date().toISOString().slice(0, 10)}, ${machine.cpu}, ${threads} of ${machine.cores} cores, load ${machine.load.toFixed(1)}; ` +
    `products ${(peak.flops / 1e9).toFixed(0)} GFLOP/s, copies ${(peak.bytes / 1e9).toFixed(1)} GB/s read and written`,
);
console.log(`${versionLine()}\n`);
if (steps.length > 0) console.log(`${ratioTable(steps, present)}\n\n${millisecondsTable(steps, present)}\n`);
if (starts.length > 0) console.log(`${startTable(starts, started)}\n`);
for (const { title, why } of processes.missing) console.log(`missing: ${title}: ${why}`);
for (const failure of failures(steps)) console.log(`failed: ${failure}`);
console.log(`${join(values.output)} has all numbers.`);
if (failures(steps).some((failure) => failure.includes(": ours: "))) process.exitCode = 1;

/** @param {readonly import("./training/peers.mjs").Peer[]} wanted */
async function openAll(wanted) {
  /** @type {PeerProcess[]} */
  const opened = [];
  /** @type {{ name: string, title: string, why: string }[]} */
  const missing = [];
  for (const peer of wanted) {
    const found = await PeerProcess.open(peer, threads);
    if (found instanceof PeerProcess) opened.push(found);
    else missing.push({ name: peer.name, title: peer.title, why: found.missing });
  }
  return { opened, missing };
}

/** All that is known so far. */
function write() {
  const versions = Object.fromEntries(processes.opened.map(({ peer, versions: own }) => [peer.name, own]));
  const { missing } = processes;
  const all = { date: new Date().toISOString(), machine, threads, rounds, peak, versions, missing, steps, starts };
  writeFile(values.output, `${JSON.stringify(all, undefined, 1)}\n`);
}

function versionLine() {
  const all = new Map(processes.opened.flatMap(({ versions }) => Object.entries(versions)));
  return [...all].map(([name, version]) => `${name} ${version}`).join(", ");
}

/** @param {string} option @param {string} text */
function positive(option, text) {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new InputError(`${option} ${text}`, "is no whole number from 1");
  return number;
}

/** @param {string} text */
function note(text) {
  process.stderr.write(`${text}\n`);
}
