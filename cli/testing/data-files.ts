import crc32 from "crc-32";

/** Rows of a table for tests: numbers that follow from the row alone. */
export function houses(rows: number): readonly (readonly string[])[] {
  const colors = ["red", "green", "blue"];
  const random = randomNumbers(7);
  return Array.from({ length: rows }, (_, row) => {
    const area = 20 + random() * 80;
    const color = Math.floor(random() * 3);
    const rooms = Math.floor(1 + random() * 5);
    const price = area * 2 + color * 30 + rooms * 5;
    return [row % 10 === 3 ? "" : area.toFixed(2), colors[color] ?? "", String(rooms), price.toFixed(1)];
  });
}

/** A table of houses as CSV. */
export function csv(rows: readonly (readonly string[])[], header = "area,color,rooms,price"): string {
  return `${[header, ...rows.map((cells) => cells.join(","))].join("\n")}\n`;
}

/** Numbers from 0 to below 1, the same for the same seed. */
export function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    // Marsaglia's xorshift32.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** An IDX file of bytes, as MNIST ships. */
export function idx(shape: readonly number[], values: readonly number[]): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  for (const [axis, extent] of shape.entries()) header.writeUInt32BE(extent, 4 + 4 * axis);
  return Buffer.concat([header, Buffer.from(values)]);
}

/** An NPY file. */
export function npy(values: Float32Array | Uint8Array, shape: readonly number[]): Buffer {
  const type = values instanceof Float32Array ? "<f4" : "|u1";
  const dictionary = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const header = Buffer.from(`${dictionary.padEnd(117)}\n`);
  const start = Buffer.from([0x93, ...Buffer.from("NUMPY"), 1, 0, header.length, 0]);
  return Buffer.concat([start, header, Buffer.from(values.buffer, values.byteOffset, values.byteLength)]);
}

/** An NPZ file: a ZIP archive of NPY files, stored. */
export function npz(arrays: Readonly<Record<string, Buffer>>): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(arrays)) {
    const path = Buffer.from(`${name}.npy`);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeInt32LE(crc32.buf(content), 10);
    common.writeUInt32LE(content.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(path.length, 22);
    const entry = Buffer.concat([Buffer.from("PK\u0003\u0004"), common, path, content]);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    central.push(Buffer.from("PK\u0001\u0002"), Buffer.from([20, 0]), common, place, path);
    local.push(entry);
    offset += entry.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  const count = Object.keys(arrays).length;
  end.writeUInt16LE(count, 4);
  end.writeUInt16LE(count, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...local, directory, Buffer.from("PK\u0005\u0006"), end]);
}
