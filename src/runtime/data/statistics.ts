/** Count, mean and sum of squared deviations, exact to rounding however large the mean is. */
export class Moments {
  #count = 0;
  /** The first number: all others are taken as their differences from it, which are exact where they are small. */
  #origin = 0;
  /** Of the differences. */
  #mean = 0;
  #squares = 0;

  get count(): number {
    return this.#count;
  }

  get mean(): number {
    return this.#origin + this.#mean;
  }

  /**
   * Of the population, √(Σ(x − mean)² / n); 1 where all numbers are the same up to rounding, so that dividing by it
   * leaves them alone.
   */
  get divisor(): number {
    const deviation = Math.sqrt(this.#squares / this.#count);
    return deviation > 8 * Number.EPSILON * Math.abs(this.mean) ? deviation : 1;
  }

  /** Adds numbers one after the other (Welford 1962), `step` apart; NaN is left out. @returns how many were NaN */
  add(numbers: Float64Array, step = 1): number {
    let [count, mean, squares, missing] = [this.#count, this.#mean, this.#squares, 0];
    for (let index = 0; index < numbers.length; index += step) {
      const number = numbers[index] ?? Number.NaN;
      if (Number.isNaN(number)) {
        missing++;
        continue;
      }
      if (count === 0) this.#origin = number;
      count++;
      const shifted = number - this.#origin;
      const difference = shifted - mean;
      mean += difference / count;
      squares += difference * (shifted - mean);
    }
    this.#count = count;
    this.#mean = mean;
    this.#squares = squares;
    return missing;
  }

  /** Adds many numbers at once, of which count, mean and sum of squared deviations are known (Chan et al. 1979). */
  addGroup(count: number, mean: number, squares: number): void {
    if (count === 0) return;
    if (this.#count === 0) this.#origin = mean;
    const total = this.#count + count;
    const difference = mean - this.#origin - this.#mean;
    this.#squares += squares + difference * difference * ((this.#count / total) * count);
    this.#mean += difference * (count / total);
    this.#count = total;
  }
}

/** Adds `count` numbers from a place on to moments, in two passes: faster than one by one. */
export function addStretch(moments: Moments, numbers: Float64Array, from: number, count: number): void {
  // Differences from one of them are exactly 0 where all are the same.
  const first = numbers[from] ?? 0;
  let sum = 0;
  for (let index = from; index < from + count; index++) sum += (numbers[index] ?? 0) - first;
  const mean = first + sum / count;
  let squares = 0;
  for (let index = from; index < from + count; index++) {
    const difference = (numbers[index] ?? 0) - mean;
    squares += difference * difference;
  }
  moments.addGroup(count, mean, squares);
}

/** The median as NumPy computes it, the mean of the two in the middle of an even number; sorts what it is given. */
export function medianOf(numbers: Float64Array): number {
  numbers.sort();
  const middle = numbers.length >> 1;
  const upper = numbers[middle] ?? Number.NaN;
  return numbers.length % 2 === 1 ? upper : ((numbers[middle - 1] ?? Number.NaN) + upper) / 2;
}
