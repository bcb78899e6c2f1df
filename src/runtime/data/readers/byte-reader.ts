import { InputError } from "../../../graph/errors.js";

/** Reads bytes from front to back by the number that is wanted. */
export interface ByteReader {
  /**
   * The next `length` bytes, in a buffer of their own. Memory is taken for bytes that have come, never for those that are only promised.
   * @throws InputError when there are fewer
   */
  take(length: number): Promise<Uint8Array>;
  /** @throws InputError when more bytes follow */
  expectEnd(remedy: string): Promise<void>;
  /** To be called where reading stops before the end. */
  close(): Promise<void>;
}

/** @param where what an error message names */
export function byteReader(stream: AsyncGenerator<Uint8Array, void, undefined>, where: string): ByteReader {
  let rest: Uint8Array = new Uint8Array(0);
  let before = 0;

  const more = async (): Promise<boolean> => {
    const { done, value } = await stream.next();
    if (done === true) return false;
    rest = value;
    return true;
  };

  return {
    async take(length) {
      const parts: Uint8Array[] = [];
      let count = 0;
      while (count < length) {
        if (rest.length === 0 && !(await more())) {
          throw new InputError(
            where,
            `is cut short: it ends at byte ${before + count}, before byte ${before + length}`,
          );
        }
        const part = rest.subarray(0, length - count);
        rest = rest.subarray(part.length);
        parts.push(part);
        count += part.length;
      }
      before += length;
      return joined(parts, length);
    },
    async expectEnd(remedy) {
      while (rest.length === 0 && (await more()));
      if (rest.length > 0) throw new InputError(where, `goes on after its declared end, byte ${before}`, remedy);
    },
    async close() {
      await stream.return();
    },
  };
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
