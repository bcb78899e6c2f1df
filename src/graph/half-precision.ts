/** A format of 16 bits: one of sign, then exponent, then fraction (IEEE 754). */
interface HalfFormat {
  readonly fractionBits: number;
  /** What is added to an exponent to write it. */
  readonly bias: number;
  readonly infinity: number;
}

const binary16: HalfFormat = { fractionBits: 10, bias: 15, infinity: 0x7c00 };
/** The upper half of a float32. */
const brain16: HalfFormat = { fractionBits: 7, bias: 127, infinity: 0x7f80 };

/** The number that these bits are in float16. */
export function fromFloat16(bits: number): number {
  return widened(bits, binary16);
}

/** The number that these bits are in bfloat16. */
export function fromBfloat16(bits: number): number {
  return widened(bits, brain16);
}

/** The bits of the nearest float16, ties to even: of all that is too large, infinity. */
export function float16Bits(number: number): number {
  return rounded(number, binary16);
}

/** The bits of the nearest bfloat16, ties to even: of all that is too large, infinity. */
export function bfloat16Bits(number: number): number {
  return rounded(number, brain16);
}

const float32 = new Float32Array(1);
const float32Bits = new Uint32Array(float32.buffer);

function widened(bits: number, { fractionBits, bias, infinity }: HalfFormat): number {
  const sign = bits >> 15 === 0 ? 1 : -1;
  if ((bits & infinity) === infinity) return (bits & 0x7fff) === infinity ? sign * Infinity : Number.NaN;
  // As a float32 it is too small by as much as their exponents begin apart.
  float32Bits[0] = (bits & 0x7fff) << (23 - fractionBits);
  return sign * (float32[0] ?? 0) * 2 ** (127 - bias);
}

const float64 = new Float64Array(1);
/** The lower and the upper half: 1 bit of sign, 11 of exponent, 20 of fraction. */
const words = new Uint32Array(float64.buffer);

function rounded(number: number, { fractionBits, bias, infinity }: HalfFormat): number {
  if (Number.isNaN(number)) return infinity | (1 << (fractionBits - 1));
  float64[0] = number;
  const low = words[0] ?? 0;
  const high = words[1] ?? 0;
  const sign = (high >>> 16) & 0x8000;
  const magnitude = Math.abs(number);
  if (magnitude === Infinity) return sign | infinity;
  // In units of the smallest number. A double of 2^52 or more has no fraction: adding it rounds.
  if (magnitude < 2 ** (1 - bias)) return sign | (magnitude * 2 ** (bias - 1 + fractionBits) + 2 ** 52 - 2 ** 52);
  // Of the lower half it only matters, for ties, whether there is anything.
  const bits = ((high & 0x7fffffff) - ((1023 - bias) << 20)) | (low === 0 ? 0 : 1);
  const dropped = 20 - fractionBits;
  const half = (1 << (dropped - 1)) - 1 + ((bits >>> dropped) & 1);
  // What is carried over from the fraction makes the exponent one larger, as it should.
  return sign | Math.min((bits + half) >>> dropped, infinity);
}
