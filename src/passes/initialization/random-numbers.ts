import { createHash } from "node:crypto";

/**
 * Pseudo-random numbers for one tensor: xoshiro128** 1.1 (Blackman and Vigna), whose state is the first 16 bytes,
 * little-endian, of the SHA-256 of `seed:name`. What a tensor gets follows from seed and name alone, so that a new layer
 * changes no other one's numbers.
 */
export class RandomNumbers {
  #a: number;
  #b: number;
  #c: number;
  #d: number;
  /** The second number of a normal pair, where only the first has been used; an array holds it without allocation. */
  readonly #spare = new Float64Array(1);
  #hasSpare = false;

  /** @param seed an integer  @param name that of the tensor */
  constructor(seed: number, name: string) {
    const state = createHash("sha256").update(`${seed}:${name}`).digest();
    this.#a = state.readInt32LE(0);
    this.#b = state.readInt32LE(4);
    this.#c = state.readInt32LE(8);
    this.#d = state.readInt32LE(12);
  }

  /** 32 random bits, as an integer from -2³¹ to 2³¹ - 1. */
  bits(): number {
    const scrambled = Math.imul(this.#b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  /** Uniform in [-1, 1), of 32 bits. */
  symmetric(): number {
    return this.bits() * 2 ** -31;
  }

  /** Normal with mean 0 and variance 1: Marsaglia's polar method, which needs no sine. */
  normal(): number {
    if (this.#hasSpare) {
      this.#hasSpare = false;
      return this.#spare[0] ?? 0;
    }
    for (;;) {
      const x = this.symmetric();
      const y = this.symmetric();
      const square = x * x + y * y;
      if (square < 1 && square > 0) {
        const factor = Math.sqrt((-2 * Math.log(square)) / square);
        this.#spare[0] = y * factor;
        this.#hasSpare = true;
        return x * factor;
      }
    }
  }
}
