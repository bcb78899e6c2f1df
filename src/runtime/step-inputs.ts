import type { Tensor } from "onnxruntime-node";
import type { StepNumbers } from "../passes/optimizer/step-numbers.js";
import type { ContractArtifact, TensorRole } from "../passes/training/contract.js";
import { type FloatTensor, zeros } from "./host-tensor.js";
import { runtimeTensor } from "./session.js";

/** The numbers of a step (α_t, ε_t, the decay, the seed of dropout), where sessions read them. */
export class StepInputs {
  readonly #numbers: ReadonlyMap<keyof StepNumbers, FloatTensor>;
  readonly #seed = new BigInt64Array(1);
  readonly #tensors: ReadonlyMap<TensorRole, Tensor>;

  /** @param update the artifact that says of which type the numbers are */
  constructor({ inputs }: ContractArtifact) {
    this.#numbers = new Map(
      inputs.flatMap(({ role, dtype }) =>
        isNumber(role) ? [[role, zeros(dtype === "float64" ? "float64" : "float32", [])] as const] : [],
      ),
    );
    this.#tensors = new Map<TensorRole, Tensor>([
      ...[...this.#numbers].map(([role, number]) => [role, runtimeTensor(number)] as const),
      ["seed", runtimeTensor({ type: "int64", data: this.#seed, dims: [] })],
    ]);
  }

  tensor(role: TensorRole): Tensor | undefined {
    return this.#tensors.get(role);
  }

  setNumbers(numbers: StepNumbers): void {
    for (const [role, { data }] of this.#numbers) data.fill(numbers[role] ?? 0);
  }

  /** @param seed from 0 to 2³² − 1 */
  setSeed(seed: number): void {
    this.#seed[0] = BigInt(seed);
  }
}

function isNumber(role: TensorRole): role is keyof StepNumbers {
  return role === "alpha" || role === "epsilon" || role === "decay";
}
