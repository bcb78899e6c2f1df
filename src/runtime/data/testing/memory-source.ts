import type { ContractTensor } from "../../../passes/training/contract.js";
import type { Source, SourceColumn, SourceValues } from "../source.js";

/** A column of a source in memory: numbers or texts by kind, undefined where they are missing. */
export interface MemoryColumn {
  readonly kind: SourceColumn["kind"];
  /** Of one row; by default []. */
  readonly shape?: readonly number[];
  /** All elements, row after row. */
  readonly values: readonly (number | bigint | string | undefined)[];
}

/** A source of these columns, in chunks of so many rows; row 0 is called "row 2", as in a file with a header. */
export function memorySource(label: string, columns: Readonly<Record<string, MemoryColumn>>, chunkRows = 3): Source {
  const described = Object.entries(columns).map(([name, { kind, shape = [], values }]) => {
    const size = shape.reduce((product, extent) => product * extent, 1);
    return { name, kind, shape, size, values };
  });
  const rows = Math.max(0, ...described.map(({ values, size }) => values.length / size));
  return {
    label,
    columns: described.map(({ name, kind, shape }) => ({ name, kind, shape })),
    describe: (row) => `${label}, row ${row + 2}`,
    // oxlint-disable-next-line typescript/require-await -- what it has is at hand
    async *chunks() {
      for (let start = 0; start < rows; start += chunkRows) {
        const count = Math.min(chunkRows, rows - start);
        const part = described.map(({ name, kind, size, values }) => {
          return [name, valuesOf(kind, values.slice(start * size, (start + count) * size))] as const;
        });
        yield { rows: count, columns: new Map(part) };
      }
    },
  };
}

/** A column of real numbers. */
export function numbers(...values: readonly (number | undefined)[]): MemoryColumn {
  return { kind: "float64", values };
}

/** A column of text. */
export function texts(...values: readonly (string | undefined)[]): MemoryColumn {
  return { kind: "text", values };
}

/** An array column. */
export function array(kind: SourceColumn["kind"], shape: readonly number[], values: readonly number[]): MemoryColumn {
  return { kind, shape, values };
}

/** A feature of a contract. */
export function feature(name: string, shape: ContractTensor["shape"], dtype: ContractTensor["dtype"] = "float32") {
  return { name, role: "feature", dtype, shape } as const satisfies ContractTensor;
}

/** A target of a contract. */
export function target(shape: ContractTensor["shape"], dtype: ContractTensor["dtype"] = "float32", name = "target") {
  return { name, role: "target", dtype, shape } as const satisfies ContractTensor;
}

function valuesOf(kind: SourceColumn["kind"], values: MemoryColumn["values"]): SourceValues {
  const asNumbers = () => values.map((value) => (value === undefined ? Number.NaN : Number(value)));
  switch (kind) {
    case "float64":
      return { kind, values: Float64Array.from(asNumbers()) };
    case "float32":
      return { kind, values: Float32Array.from(asNumbers()) };
    case "uint8":
      return { kind, values: Uint8Array.from(asNumbers()) };
    case "int64":
      return { kind, values: BigInt64Array.from(values.map((value) => BigInt(value ?? 0))) };
    case "text":
      return { kind, values: values.map((value) => (value === undefined ? undefined : String(value))) };
  }
}
