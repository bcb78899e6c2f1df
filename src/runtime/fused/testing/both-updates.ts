import type { OptimizerSettings } from "../../../passes/optimizer/optimizer.js";
import { type StepNumbers, stepNumbers } from "../../../passes/optimizer/step-numbers.js";
import { portKey } from "../../../passes/training/artifact.js";
import type { ContractTensor } from "../../../passes/training/contract.js";
import { type UpdatedParameter, updateArtifact } from "../../../passes/training/update-artifact.js";
import { type FloatTensor, zeros } from "../../host-tensor.js";
import { runtimeTensor } from "../../session.js";
import { Sessions } from "../../sessions.js";
import { FusedUpdate } from "../fused-update.js";
import { openUpdate } from "../update.js";

/** The value of an element of an input, at a step. */
export type ValueOf = (port: ContractTensor, element: number, step: number) => number;

/** A place where the fused update differs from ONNX Runtime's. */
export interface Difference {
  readonly step: number;
  readonly tensor: string;
  readonly element: number;
  readonly fused: number | undefined;
  readonly runtime: number | undefined;
}

/**
 * Runs an update by ONNX Runtime, in place, and as one pass, each from the same state with the same gradients.
 * @returns the first difference in the bits of a number; of what is none, whether it is none
 */
export async function firstDifference(
  parameters: readonly UpdatedParameter[],
  settings: OptimizerSettings,
  valueOf: ValueOf,
  steps: number,
  { threads = 1, mostPages }: { readonly threads?: number; readonly mostPages?: number } = {},
): Promise<Difference | undefined> {
  const artifact = updateArtifact(parameters, settings);
  const { inputs, outputs } = artifact.contract;
  const fused = FusedUpdate.compile(artifact, mostPages);
  if (fused === undefined) throw new Error("the update cannot be fused");
  const arrays = new Map(
    inputs.map((port) => {
      const tensor = zeros(port.dtype === "float64" ? "float64" : "float32", (port.shape ?? []).map(Number));
      return [portKey(port), { tensor, runtime: runtimeTensor(tensor) }] as const;
    }),
  );
  const set = (port: ContractTensor, step: number) => {
    for (const tensor of [arrays.get(portKey(port))?.tensor, fused.array(port)]) {
      const { data } = tensor ?? {};
      for (let element = 0; element < (data?.length ?? 0); element++) {
        if (data !== undefined) data[element] = valueOf(port, element, step);
      }
    }
  };
  const setNumbers = (numbers: StepNumbers) => {
    for (const port of inputs) {
      if (port.role !== "alpha" && port.role !== "epsilon" && port.role !== "decay") continue;
      arrays.get(portKey(port))?.tensor.data.fill(numbers[port.role] ?? 0);
    }
  };
  const own = (port: ContractTensor) => arrays.get(portKey(port))?.runtime;
  const inFused = (port: ContractTensor) => {
    const tensor = fused.array(port);
    return tensor === undefined ? own(port) : runtimeTensor(tensor);
  };
  const sessions = new Sessions({ threads });
  const gold = await openUpdate(artifact, undefined, own, setNumbers, sessions);
  const ours = await openUpdate(artifact, fused, inFused, setNumbers, sessions);
  try {
    for (const port of inputs) set(port, 0);
    for (let step = 1; step <= steps; step++) {
      const numbers = stepNumbers(settings, 0.01, step);
      for (const port of inputs) if (port.role === "gradient") set(port, step);
      await gold.run(numbers);
      for (const { of, role } of outputs) if (role === "moment1") forgetSmallMoments(arrays, of);
      await ours.run(numbers);
      for (const port of outputs) {
        const [expected, actual] = [arrays.get(portKey(port))?.tensor, fused.array(port)];
        const element = differing(actual, expected);
        if (element >= 0) {
          const values = { fused: actual?.data[element], runtime: expected?.data[element] };
          return { step, tensor: port.name, element, ...values };
        }
      }
    }
    return undefined;
  } finally {
    await sessions.close();
  }
}

/** First moments below the least normal number become 0, and second ones that are below where the first are. */
function forgetSmallMoments(arrays: ReadonlyMap<string, { readonly tensor: FloatTensor }>, of: string | undefined) {
  const [first, second] = (["moment1", "moment2"] as const).map((role) => arrays.get(portKey({ role, of }))?.tensor);
  const least = first?.type === "float64" ? 2 ** -1022 : 2 ** -126;
  for (const [element, value] of first?.data.entries() ?? []) {
    if (first === undefined || !(Math.abs(value) < least)) continue;
    first.data[element] = 0;
    if (second !== undefined && (second.data[element] ?? NaN) < least) second.data[element] = 0;
  }
}

function differing(a: FloatTensor | undefined, b: FloatTensor | undefined): number {
  if (a === undefined || b === undefined || a.data.length !== b.data.length) return 0;
  const values: ArrayLike<number> = b.data;
  const others: ArrayLike<number> = a.data;
  for (let element = 0; element < values.length; element++) {
    if (!Object.is(values[element], others[element])) return element;
  }
  return -1;
}
