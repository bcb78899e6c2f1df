import type { FloatType, Scalar, ScalarOperator } from "./element-wise.js";

type Rounding = (value: number) => number;

const roundings: Readonly<Record<FloatType, Rounding>> = { float32: Math.fround, float64: (value) => value };

/**
 * Arithmetic in float64, rounded to the type that it is in: for these operators and float32 that is what float32 itself
 * gives, as float64 has more than twice its digits.
 */
const functions: Readonly<Record<ScalarOperator, (a: number, b: number) => number>> = {
  Add: (a, b) => a + b,
  Sub: (a, b) => a - b,
  Mul: (a, b) => a * b,
  Div: (a, b) => a / b,
  Sqrt: (a) => Math.sqrt(a),
  Abs: (a) => Math.abs(a),
  Neg: (a) => -a,
  Cast: (a) => a,
  Identity: (a) => a,
};

/** The numbers of an update, made once for each step, of what the step is given. */
export class ScalarProgram<Given> {
  readonly #values: Float64Array;
  readonly #steps: readonly ((given: Given) => void)[];
  readonly #indices: ReadonlyMap<string, number>;

  /**
   * @param scalars each after those that it is made of
   * @param getter how to get a number that is given
   */
  constructor(scalars: readonly Scalar[], getter: (name: string) => (given: Given) => number) {
    this.#indices = new Map(scalars.map(({ name }, index) => [name, index]));
    const values = new Float64Array(scalars.length);
    this.#values = values;
    this.#steps = scalars.flatMap((scalar, index) => {
      const round = roundings[scalar.dataType];
      switch (scalar.kind) {
        case "constant":
          values[index] = round(scalar.value);
          return [];
        case "given": {
          const get = getter(scalar.name);
          return [(given) => void (values[index] = round(get(given)))];
        }
        case "computed": {
          const apply = functions[scalar.operator];
          const [a = 0, b = 0] = scalar.operands.map((name) => this.indexOf(name));
          return [() => void (values[index] = round(apply(values[a] ?? NaN, values[b] ?? NaN)))];
        }
      }
    });
  }

  indexOf(name: string): number {
    const index = this.#indices.get(name);
    if (index === undefined) throw new Error(`there is no number "${name}"`);
    return index;
  }

  /** All numbers, at their indices. */
  evaluate(given: Given): Float64Array {
    for (const step of this.#steps) step(given);
    return this.#values;
  }
}
