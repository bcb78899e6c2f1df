// Who is compared: each is one process that speaks the protocol of ../peers/protocol.py.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * @typedef {{
 *   readonly name: string,
 *   readonly title: string,
 *   readonly program: string,
 *   readonly args: readonly string[],
 *   readonly environment?: Readonly<Record<string, string>>,
 * }} Peer
 */

/** Where things are. @typedef {{ readonly cache: string, readonly python: string }} Places */

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));

/** @param {Places} places @returns {Peer} */
export function ours({ cache }) {
  return { name: "ours", title: "caadam-onnx", program: process.execPath, args: [here("ours.mjs"), folderOf(cache)] };
}

/** All, the reference for losses first. @param {Places} places @returns {readonly Peer[]} */
export function allPeers({ cache, python }) {
  const folder = folderOf(cache);
  const own = join(cache, "onnxruntime-training", "bin", "python");
  /**
   * @param {string} name @param {string} title @param {string} script
   * @param {readonly string[]} [args] @param {Readonly<Record<string, string>>} [environment]
   * @returns {Peer}
   */
  const inPython = (name, title, script, args = [], environment = {}) => ({
    name,
    title,
    program: python,
    args: [here(`../peers/${script}`), folder, ...args],
    environment,
  });
  /** @param {string} name @param {string} title @returns {Peer} */
  const inNode = (name, title) => ({
    name,
    title,
    program: process.execPath,
    args: [here(`../peers/${name}.mjs`), folder, join(cache, "javascript")],
  });
  const training = inPython("onnxruntime-training", "onnxruntime-training", "onnxruntime_training.py");
  return [
    inPython("pytorch", "PyTorch", "pytorch.py", ["foreach"]),
    inPython("pytorch-fused", "PyTorch, fused Adam", "pytorch.py", ["fused"]),
    inPython("pytorch-compile", "torch.compile", "pytorch.py", ["compile"]),
    inPython("jax", "JAX + Optax", "jax_optax.py"),
    inPython("keras-jax", "Keras (JAX), caadam", "keras_caadam.py", [], { KERAS_BACKEND: "jax" }),
    inPython("keras-torch", "Keras (PyTorch), caadam", "keras_caadam.py", [], { KERAS_BACKEND: "torch" }),
    { ...training, program: process.env["ONNXRUNTIME_TRAINING_PYTHON"] ?? (existsSync(own) ? own : python) },
    inNode("tfjs", "TensorFlow.js (wasm)"),
    inNode("jax-js", "jax-js (wasm)"),
  ];
}

/** Of exported workloads. @param {string} cache */
export function folderOf(cache) {
  return join(cache, "workloads");
}
