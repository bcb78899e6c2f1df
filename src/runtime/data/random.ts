/** Draws whole numbers from 0 to 2³² − 1, each as likely as any other. */
export type Random = () => number;

/**
 * The generator xoshiro128** (Blackman and Vigna 2018, public domain), its 128 bits of state mixed from seed, purpose
 * and number. The same three give the same numbers on every machine; other ones are unrelated, so that what is drawn
 * for one purpose changes nothing else.
 * @param seed any whole number from 0 to 2⁵³ − 1
 * @param purpose what the numbers are for, such as "order"
 * @param number which of several for that purpose, such as the epoch
 */
export function randomOf(seed: number, purpose: string, number = 0): Random {
  const words = [...halves(seed), ...halves(number), ...Array.from(purpose, (letter) => letter.codePointAt(0) ?? 0)];
  const state = [lane(words, 1), lane(words, 2), lane(words, 3), lane(words, 4)] as const;
  // The one state that the generator never leaves.
  return xoshiro128(state.every((bits) => bits === 0) ? [0, 0, 0, 1] : state);
}

/** xoshiro128**, from 128 bits of state that are not all 0. */
export function xoshiro128(state: readonly [number, number, number, number]): Random {
  let [a, b, c, d] = state;
  return () => {
    const result = Math.imul(rotated(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotated(d, 11);
    return result;
  };
}

/**
 * A whole number from 0 to one less than `count`, each as likely as any other: as many bits as it needs, drawn again
 * while they are too many.
 * @param count 1 to 2³²
 */
export function drawBelow(random: Random, count: number): number {
  const unused = Math.clz32(count - 1);
  if (unused === 32) return 0;
  for (;;) {
    const drawn = random() >>> unused;
    if (drawn < count) return drawn;
  }
}

/** The low and the high 32 bits. */
function halves(number: number): readonly [number, number] {
  return [number >>> 0, Math.floor(number / 2 ** 32) >>> 0];
}

/** 32 bits from words, by rounds of MurmurHash3's finalizer. */
function lane(words: readonly number[], start: number): number {
  let state = Math.imul(start, 0x9e3779b9);
  for (const word of words) state = mixed((state ^ word) + 0x9e3779b9);
  return mixed(state);
}

function mixed(bits: number): number {
  let state = bits | 0;
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
  return state ^ (state >>> 16);
}

function rotated(bits: number, by: number): number {
  return (bits << by) | (bits >>> (32 - by));
}
