import type { Source } from "../source.js";
import type { DataFile } from "./data-file.js";

/** The kinds of file that can be read. */
export type DataFormatName = "csv" | "tsv" | "parquet" | "npy" | "npz" | "idx";

/** How to read a file of data; every file says most of it itself. */
export interface SourceOptions {
  /** What kind of file it is. Default: its first bytes say, else its name. */
  readonly format?: DataFormatName;
  /** The columns to read, in this order. Default: all. */
  readonly columns?: readonly string[];
  /** CSV: whether the first row names the columns. Default: guessed. Without names they are called "1", "2", ... */
  readonly header?: boolean;
  /** CSV: the character between cells. Default: guessed from comma, semicolon and tab. */
  readonly delimiter?: string;
  /** CSV: what stands for a missing value. Default: {@link MISSING}. */
  readonly missing?: readonly string[];
  /** CSV: columns that hold text whatever they look like. */
  readonly textColumns?: readonly string[];
}

/** What stands for a missing value in a CSV file, spaces around it aside. */
export const MISSING: readonly string[] = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "?"];

/** A kind of file: one entry of the registry. */
export interface DataFormat {
  readonly name: DataFormatName;
  /** What people call it. */
  readonly title: string;
  /** Whether a file's name, in lower case and without ".gz", says that it is of this kind. */
  named(name: string): boolean;
  /** Whether a file that begins so can be of no other kind. */
  recognizes(head: Uint8Array): boolean;
  /** @throws InputError for what cannot be read */
  open(file: DataFile, options: SourceOptions): Promise<Source>;
}
