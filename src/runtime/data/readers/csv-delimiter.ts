const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;
/** Records that are looked at. */
const RECORDS = 20;
/** Where several would do, the first is meant: commas are in texts and in numbers too. */
const DELIMITERS = ["\t", ";", ","] as const;

/**
 * The delimiter of a CSV file by its first records: what is in all of them equally often outside of quotes, else what is most often in the
 * first; a comma where there is none.
 */
export function guessedDelimiter(bytes: Uint8Array): string {
  const records = countsOfRecords(bytes);
  const [first] = records;
  if (first === undefined) return ",";
  const even = DELIMITERS.find((_, at) => first[at] !== 0 && records.every((record) => record[at] === first[at]));
  if (even !== undefined) return even;
  const most = Math.max(...first);
  return most === 0 ? "," : (DELIMITERS[first.indexOf(most)] ?? ",");
}

/** How often each delimiter is in each of the first records. */
function countsOfRecords(bytes: Uint8Array): readonly (readonly number[])[] {
  const codes = DELIMITERS.map((delimiter) => delimiter.charCodeAt(0));
  const records: number[][] = [];
  let counts = codes.map(() => 0);
  let isQuoted = false;
  let start = 0;
  for (let index = 0; index <= bytes.length && records.length < RECORDS; index++) {
    const byte = index < bytes.length ? (bytes[index] ?? LF) : LF;
    if (byte === QUOTE) isQuoted = !isQuoted;
    if (isQuoted && index < bytes.length) continue;
    if (byte === LF || byte === CR) {
      if (index > start) records.push(counts);
      counts = codes.map(() => 0);
      start = index + 1;
    } else {
      const at = codes.indexOf(byte);
      if (at !== -1) counts[at] = (counts[at] ?? 0) + 1;
    }
  }
  return records;
}
