/** What a column of a table, or an array of an array file, holds. */
export interface SourceColumn {
  readonly name: string;
  /** Numbers as they are stored; text; or bytes as images have them. */
  readonly kind: "float64" | "float32" | "uint8" | "int64" | "text";
  /** Of one row: [] for a column of a table. */
  readonly shape: readonly number[];
}

/**
 * The values of one column in some rows, row after row. A missing number is NaN, a missing text undefined; int64 comes
 * as float64 where every value is a safe integer.
 */
export type SourceValues =
  | { readonly kind: "float64"; readonly values: Float64Array }
  | { readonly kind: "float32"; readonly values: Float32Array }
  | { readonly kind: "uint8"; readonly values: Uint8Array }
  | { readonly kind: "int64"; readonly values: BigInt64Array }
  | { readonly kind: "text"; readonly values: readonly (string | undefined)[] };

/** Rows that follow each other. */
export interface SourceChunk {
  readonly rows: number;
  /** By column name. */
  readonly columns: ReadonlyMap<string, SourceValues>;
}

/** A file of raw examples, read once from front to back in pieces that fit in memory. */
export interface Source {
  /** The path, for messages. */
  readonly label: string;
  readonly columns: readonly SourceColumn[];
  /** Rows where the file tells it before it is read. */
  readonly rows?: number;
  /** @throws InputError with file, row and column for what cannot be read */
  chunks(): AsyncIterable<SourceChunk>;
  /** Where a row (from 0) is, for messages: "houses.csv, line 18", or "x.npy, row 17 (counted from 0)". */
  describe(row: number): string;
}
