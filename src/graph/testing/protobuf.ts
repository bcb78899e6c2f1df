/** Protobuf written by hand, for files that no encoder would write. */

/** A varint; negative values as the ten bytes of their two's complement. */
export function varint(value: bigint | number): Uint8Array {
  const low: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) low.push(Number(rest & 127n) | 128);
  return Uint8Array.from([...low, Number(rest)]);
}

export function tag(number: number, wireType: number): Uint8Array {
  return varint(number * 8 + wireType);
}

/** A varint field. */
export function int(number: number, value: bigint | number): Uint8Array {
  return concat(tag(number, 0), varint(value));
}

/** A length-delimited field: a message, a string, bytes, or a packed list. */
export function bytes(number: number, ...parts: readonly (Uint8Array | string)[]): Uint8Array {
  const content = concat(...parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
  return concat(tag(number, 2), varint(content.length), content);
}

/** A 32-bit float field. */
export function float(number: number, value: number): Uint8Array {
  return concat(tag(number, 5), floats(value));
}

/** A 64-bit float field. */
export function double(number: number, value: number): Uint8Array {
  return concat(tag(number, 1), doubles(value));
}

/** A group: start tag, fields, end tag. */
export function group(number: number, ...fields: readonly Uint8Array[]): Uint8Array {
  return concat(tag(number, 3), ...fields, tag(number, 4));
}

/** The content of packed lists. */
export function varints(...values: readonly (bigint | number)[]): Uint8Array {
  return concat(...values.map(varint));
}

export function floats(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

export function doubles(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Float64Array.from(values).buffer);
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** `depth` messages of one field number, each inside the other. */
export function nested(number: number, depth: number, innermost: Uint8Array = new Uint8Array()): Uint8Array {
  const headers: Uint8Array[] = [];
  let length = innermost.length;
  for (let level = 0; level < depth; level++) {
    const header = concat(tag(number, 2), varint(length));
    headers.push(header);
    length += header.length;
  }
  return concat(...headers.toReversed(), innermost);
}
