import { basename } from "node:path";
import { InputError } from "../../../graph/errors.js";
import type { Source } from "../source.js";
import { csvFormat, tsvFormat } from "./csv.js";
import { openDataFile } from "./data-file.js";
import { idxFormat } from "./idx.js";
import { npyFormat } from "./npy.js";
import { npzFormat } from "./npz.js";
import type { DataFormat, SourceOptions } from "./options.js";
import { parquetFormat } from "./parquet.js";

export type { DataFormatName, SourceOptions } from "./options.js";
export { MISSING } from "./options.js";

/** Every kind of file that can be read. */
const FORMATS: readonly DataFormat[] = [parquetFormat, npyFormat, npzFormat, idxFormat, tsvFormat, csvFormat];

/**
 * Opens a file of examples: CSV, TSV, Parquet, NPY, NPZ or IDX; all but Parquet and NPZ also packed by gzip. What kind it is of
 * is told by its first bytes, else by its name; any other text is read as CSV.
 *
 * Only the start is read here; `chunks()` reads the file from front to back, as often as it is called, and holds a few megabytes
 * of it at a time (of a Parquet file one row group).
 * @throws InputError naming the file and what is wrong with it; later on from `chunks()`, then with row and column
 */
export async function openSource(path: string, options: SourceOptions = {}): Promise<Source> {
  const file = await openDataFile(path);
  const name = basename(path).toLowerCase().replace(/\.gz$/, "");
  const format =
    options.format === undefined
      ? (FORMATS.find((each) => each.recognizes(file.head)) ?? FORMATS.find((each) => each.named(name)))
      : FORMATS.find((each) => each.name === options.format);
  if (format !== undefined) return format.open(file, options);
  if (!file.head.includes(0)) return csvFormat.open(file, options);
  throw new InputError(
    path,
    `is of no kind that can be read`,
    `it can be ${FORMATS.map((each) => each.title).join(", ")}`,
  );
}
