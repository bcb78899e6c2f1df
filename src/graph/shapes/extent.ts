import {
  abbreviation,
  abbreviationOf,
  atoms,
  type Call,
  callOf,
  callText,
  canonical,
  type Extent,
  polynomial,
  symbol,
  symbolsIn,
} from "./polynomial.js";

export { callOf, type Extent, symbol } from "./polynomial.js";

/** A shape: extents, outermost first. */
export type Shape = readonly Extent[];

/** a + b. */
export function add(a: Extent, b: Extent): Extent {
  if (typeof a === "number" && typeof b === "number") return a + b;
  if (a === 0) return b;
  if (b === 0) return a;
  const sum = new Map(polynomial(a));
  for (const [monomial, coefficient] of polynomial(b)) addTerm(sum, monomial, coefficient);
  return canonical(sum);
}

/** a − b. */
export function subtract(a: Extent, b: Extent): Extent {
  return a === b ? 0 : add(a, multiply(b, -1));
}

/** a·b. */
export function multiply(a: Extent, b: Extent): Extent {
  // Adding 0 makes -0 the 0 that it equals.
  if (typeof a === "number" && typeof b === "number") return a * b + 0;
  if (a === 1) return b;
  if (b === 1) return a;
  const terms = new Map<string, number>();
  for (const [left, leftCoefficient] of polynomial(a)) {
    for (const [right, rightCoefficient] of polynomial(b)) {
      addTerm(terms, [...atoms(left), ...atoms(right)].toSorted().join("*"), leftCoefficient * rightCoefficient);
    }
  }
  return canonical(terms);
}

function addTerm(terms: Map<string, number>, monomial: string, coefficient: number): void {
  const total = (terms.get(monomial) ?? 0) + coefficient;
  if (total === 0) terms.delete(monomial);
  else terms.set(monomial, total);
}

/** The product of all extents: a tensor's number of elements. */
export function product(extents: Iterable<Extent>): Extent {
  let result: Extent = 1;
  for (const extent of extents) result = multiply(result, extent);
  return result;
}

/** a / b where that is an extent again, else undefined. */
export function divideExactly(a: Extent, b: Extent): Extent | undefined {
  if (b === 0) return undefined;
  if (a === b) return 1;
  if (b === 1) return a;
  const [leading] = polynomial(b);
  if (leading === undefined) return undefined;
  const [divisorMonomial, divisorCoefficient] = leading;
  // Long division by the first term of b; what is left over must vanish.
  let rest: Extent = a;
  let result: Extent = 0;
  for (let step = 0; rest !== 0; step++) {
    const terms = polynomial(rest);
    const found = [...terms.keys()].find((monomial) => withoutAtoms(monomial, divisorMonomial) !== undefined);
    const coefficient = found === undefined ? 0 : (terms.get(found) ?? 0) / divisorCoefficient;
    if (found === undefined || !Number.isInteger(coefficient) || step > 16) return undefined;
    const term = canonical(new Map([[withoutAtoms(found, divisorMonomial) ?? "", coefficient]]));
    result = add(result, term);
    rest = subtract(rest, multiply(term, b));
  }
  return result;
}

/** The monomial without the atoms of a divisor, undefined where it lacks one of them. */
function withoutAtoms(monomial: string, divisor: string): string | undefined {
  const left = [...atoms(monomial)];
  for (const atom of atoms(divisor)) {
    const index = left.indexOf(atom);
    if (index < 0) return undefined;
    left.splice(index, 1);
  }
  return left.join("*");
}

/** ⌊a / b⌋; 0 for b = 0, by which no operator that runs divides. A symbolic b is taken to be positive. */
export function floorDivide(a: Extent, b: Extent): Extent {
  if (b === 0) return 0;
  if (typeof b === "number" && b < 0) return floorDivide(multiply(a, -1), -b);
  if (typeof a === "number" && typeof b === "number") return Math.floor(a / b) + 0;
  const exact = divideExactly(a, b);
  if (exact !== undefined) return exact;
  if (typeof b === "string") {
    const common = commonDivisor([...polynomial(a).values(), ...polynomial(b).values()]);
    return callText("floor", scaledDown(a, common), scaledDown(b, common));
  }
  // ⌊(b·q + r) / b⌋ = q + ⌊r / b⌋
  let whole: Extent = 0;
  let rest: Extent = 0;
  for (const [monomial, coefficient] of polynomial(a)) {
    const times = Math.floor(coefficient / b);
    whole = add(whole, canonical(new Map([[monomial, times]])));
    rest = add(rest, canonical(new Map([[monomial, coefficient - times * b]])));
  }
  return add(whole, floorOfRest(rest, b));
}

function floorOfRest(rest: Extent, divisor: number): Extent {
  if (typeof rest === "number") return Math.floor(rest / divisor);
  // ⌊(⌊x / m⌋ + y) / n⌋ = ⌊(x + m·y) / (m·n)⌋
  for (const [monomial, coefficient] of polynomial(rest)) {
    const call = coefficient === 1 ? callOf(monomial) : undefined;
    if (call?.name !== "floor" || typeof call.operands[1] === "string") continue;
    const [inner, by] = call.operands;
    return floorDivide(add(inner, multiply(subtract(rest, monomial), by)), divisor * by);
  }
  // ⌊(c·x + r) / (c·n)⌋ = ⌊(x + ⌊r / c⌋) / n⌋
  const terms = polynomial(rest);
  const constant = terms.get("") ?? 0;
  const common = commonDivisor([...terms].map(([monomial, factor]) => (monomial === "" ? divisor : factor)));
  const shared = commonDivisor([common, divisor]);
  if (shared === 1) {
    const [leading = 0] = terms.values();
    // ⌊(3·x) / 4⌋ = x − ⌈x / 4⌉, so that remainders and what is padded to multiples have one form.
    if (2 * leading > divisor) return multiply(ceilDivide(multiply(rest, -1), divisor), -1);
    return callText("floor", rest, divisor);
  }
  const reduced = scaledDown(subtract(rest, constant), shared);
  return floorDivide(add(reduced, Math.floor(constant / shared)), divisor / shared);
}

function scaledDown(extent: Extent, by: number): Extent {
  return canonical(new Map([...polynomial(extent)].map(([monomial, coefficient]) => [monomial, coefficient / by])));
}

/** The greatest integer that divides all of these. */
function commonDivisor(numbers: readonly number[]): number {
  let result = 0;
  for (const number of numbers) {
    let [a, b] = [result, Math.abs(number)];
    while (b !== 0) [a, b] = [b, a % b];
    result = a;
  }
  return Math.max(result, 1);
}

/** ⌈a / b⌉, for positive b. */
export function ceilDivide(a: Extent, b: Extent): Extent {
  return divideExactly(a, b) ?? floorDivide(add(a, subtract(b, 1)), b);
}

/** The greater of two extents. */
export function maximum(a: Extent, b: Extent): Extent {
  return extreme("max", a, b, isAtLeast);
}

/** The smaller of two extents. */
export function minimum(a: Extent, b: Extent): Extent {
  return extreme("min", a, b, (left, right) => isAtLeast(right, left));
}

/**
 * The maximum or minimum of all operands, those of operands that are one themselves included: one text whatever their
 * order.
 */
function extreme(name: "max" | "min", a: Extent, b: Extent, covers: (left: Extent, right: Extent) => boolean): Extent {
  const [coversB, coversA] = [covers(a, b), covers(b, a)];
  if (coversB && coversA) return String(a) < String(b) ? a : b;
  if (coversB || coversA) return coversB ? a : b;
  const [operandsOfA, operandsOfB] = [operandsOf(name, a), operandsOf(name, b)];
  const left = operandsOfA.filter((operand) => !operandsOfB.some((other) => covers(other, operand)));
  const right = operandsOfB.filter((operand) => !left.some((other) => covers(other, operand)));
  const [last = a, ...others] = [...left, ...right].toSorted((one, other) => (String(one) < String(other) ? 1 : -1));
  return others.reduce((rest, operand) => callText(name, operand, rest), last);
}

function operandsOf(name: "max" | "min", extent: Extent): readonly Extent[] {
  const call = typeof extent === "string" ? callOf(extent) : undefined;
  return call?.name === name ? call.operands.flatMap((operand) => operandsOf(name, operand)) : [extent];
}

/** Whether a ≥ b for sure: whatever numbers, 1 or greater, the symbols stand for. */
export function isAtLeast(a: Extent, b: Extent): boolean {
  return isNonNegative(subtract(a, b), mostCases);
}

/** How many floors, minima and maxima of a difference are taken apart to find its sign. */
const mostCases = 4;

function isNonNegative(extent: Extent, cases: number): boolean {
  if (least(extent) >= 0) return true;
  if (typeof extent === "number" || cases === 0) return false;
  for (const [monomial, coefficient] of polynomial(extent)) {
    const call = callOf(monomial);
    if (call === undefined) continue;
    const isReplaced = ([other]: readonly [string, number]) => other !== monomial && atoms(other).includes(monomial);
    if ([...polynomial(extent)].some(isReplaced)) continue;
    const rest = subtract(extent, multiply(coefficient, monomial));
    const holdsWith = (value: Extent) => isNonNegative(add(rest, value), cases - 1);
    const [left, right] = call.operands;
    if (call.name === "floor") {
      if (typeof right === "string") continue;
      // x − n + 1 ≤ n·⌊x / n⌋ ≤ x
      const bound = coefficient > 0 ? subtract(left, right - 1) : left;
      return isNonNegative(add(multiply(rest, right), multiply(coefficient, bound)), cases - 1);
    }
    const [withLeft, withRight] = [
      () => holdsWith(multiply(coefficient, left)),
      () => holdsWith(multiply(coefficient, right)),
    ];
    // max(x, y) is at least either of the two, −min(x, y) as well.
    return (call.name === "max") === coefficient > 0 ? withLeft() || withRight() : withLeft() && withRight();
  }
  return false;
}

/** A number that an extent is at least, −Infinity where none is known. */
function least(extent: Extent): number {
  if (typeof extent === "number") return extent;
  let sum = 0;
  for (const [monomial, coefficient] of polynomial(extent)) {
    const factors = atoms(monomial).map(leastOfAtom);
    if ((coefficient < 0 && monomial !== "") || (factors.length > 1 && factors.some((factor) => factor < 0)))
      return -Infinity;
    sum += coefficient * factors.reduce((result, factor) => result * factor, 1);
  }
  return sum;
}

function leastOfAtom(atom: string): number {
  const call = callOf(atom);
  if (call === undefined) return abbreviationOf(atom) === undefined ? 1 : -Infinity;
  const [left, right] = call.operands.map(least);
  if (left === undefined || right === undefined) return -Infinity;
  if (call.name === "max") return Math.max(left, right);
  if (call.name === "min") return Math.min(left, right);
  if (typeof call.operands[1] === "number") return Math.floor(left / right);
  return Math.min(left, 0);
}

/** The symbols that occur in an extent, those inside of floor, min and max included. */
export function symbolsOf(extent: Extent): readonly string[] {
  return typeof extent === "number" ? [] : symbolsIn(extent);
}

/** An extent with symbols replaced. */
export function substitute(extent: Extent, replacements: ReadonlyMap<string, Extent>): Extent {
  if (typeof extent === "number" || !symbolsOf(extent).some((name) => replacements.has(name))) return extent;
  let result: Extent = 0;
  for (const [monomial, coefficient] of polynomial(extent)) {
    const factors = atoms(monomial).map((atom) => substituteAtom(atom, replacements));
    result = add(result, multiply(coefficient, product(factors)));
  }
  return result;
}

function substituteAtom(atom: string, replacements: ReadonlyMap<string, Extent>): Extent {
  const abbreviated = abbreviationOf(atom);
  if (abbreviated !== undefined) {
    const { number, operands } = abbreviated;
    return abbreviation(
      number,
      operands.map((operand) => substitute(operand, replacements)),
    );
  }
  const call = callOf(atom);
  if (call === undefined) return replacements.get(atom) ?? atom;
  const [left, right] = call.operands;
  return calls[call.name](substitute(left, replacements), substitute(right, replacements));
}

const calls: Readonly<Record<Call["name"], (a: Extent, b: Extent) => Extent>> = {
  floor: floorDivide,
  max: maximum,
  min: minimum,
};

/** The terms of an extent: a coefficient and the atoms (symbols, floors, minima, maxima) that it multiplies. */
export function termsOf(
  extent: Extent,
): readonly { readonly coefficient: number; readonly atoms: readonly string[] }[] {
  return [...polynomial(extent)].map(([monomial, coefficient]) => ({ coefficient, atoms: atoms(monomial) }));
}

/**
 * The extent that a file's dim_param names: expressions such as PyTorch's "2*s77 + 1", "((s0*s1)//s0)", "Min(24, s1)"
 * in canonical form, and any other text as one symbol. A minus without spaces around it is part of a name
 * ("batch-size").
 */
export function extentOf(text: string): Extent {
  const extent = text.length > longestExpression ? undefined : new ExpressionReader(text).read();
  return extent === undefined || (typeof extent === "number" && extent < 0) ? symbol(text) : extent;
}

const longestExpression = 1024;
const deepestExpression = 64;

/** Thrown inside of {@link ExpressionReader} where a text is no expression. */
class NoExpression extends Error {}

/** Reads sums and products of integers, symbols, //, ** and calls of floor, min and max, by recursive descent. */
class ExpressionReader {
  readonly #tokens: readonly string[];
  #next = 0;
  #depth = 0;

  constructor(text: string) {
    this.#tokens = text.trim().match(/ *(?:[\p{L}_$][\p{L}\p{N}_.$]*|\d+|\*\*|\/\/|.) */gsu) ?? [];
  }

  read(): Extent | undefined {
    try {
      const extent = this.#sum();
      return this.#next === this.#tokens.length ? extent : undefined;
    } catch (error) {
      if (error instanceof NoExpression) return undefined;
      throw error;
    }
  }

  #sum(): Extent {
    if (this.#depth++ > deepestExpression) throw new NoExpression();
    let result = this.#product();
    for (let operator = this.#operator(); operator === "+" || operator === "-"; operator = this.#operator()) {
      const around = this.#tokens.slice(this.#next - 1, this.#next + 1);
      if (operator === "-" && !around.every((token) => token.endsWith(" "))) throw new NoExpression();
      this.#next++;
      const term = this.#product();
      result = operator === "+" ? add(result, term) : subtract(result, term);
    }
    this.#depth--;
    return result;
  }

  #product(): Extent {
    if (this.#takes("-")) return multiply(this.#product(), -1);
    let result = this.#power();
    for (;;) {
      if (this.#takes("*")) result = multiply(result, this.#power());
      else if (this.#takes("//")) result = quotient(result, this.#power());
      else return result;
    }
  }

  #power(): Extent {
    const base = this.#atom();
    if (!this.#takes("**")) return base;
    const exponent = this.#atom();
    if (typeof exponent !== "number" || exponent > 8) throw new NoExpression();
    return product(Array.from({ length: exponent }, () => base));
  }

  #atom(): Extent {
    const token = this.#operator();
    this.#next++;
    if (token === "(") {
      const inner = this.#sum();
      this.#expect(")");
      return inner;
    }
    if (/^\d{1,15}$/u.test(token)) return Number(token);
    if (!/^[\p{L}_$]/u.test(token)) throw new NoExpression();
    return this.#operator() === "(" ? this.#call(token) : symbol(token);
  }

  #call(name: string): Extent {
    this.#next++;
    switch (name) {
      case "floor": {
        const dividend = this.#product();
        this.#expect("/");
        const divisor = this.#power();
        this.#expect(")");
        return quotient(dividend, divisor);
      }
      case "max":
      case "Max":
        return this.#operands().reduce(maximum);
      case "min":
      case "Min":
        return this.#operands().reduce(minimum);
      case "expression": {
        const number = this.#operator();
        if (!/^\d+$/u.test(number)) throw new NoExpression();
        this.#next++;
        return abbreviation(number, this.#takes(",") ? this.#operands() : (this.#expect(")"), []));
      }
      default:
        throw new NoExpression();
    }
  }

  #operands(): readonly Extent[] {
    const operands = [this.#sum()];
    while (this.#takes(",")) operands.push(this.#sum());
    this.#expect(")");
    return operands;
  }

  #operator(): string {
    return this.#tokens[this.#next]?.trim() ?? "";
  }

  #takes(operator: string): boolean {
    if (this.#operator() !== operator) return false;
    this.#next++;
    return true;
  }

  #expect(operator: string): void {
    if (!this.#takes(operator)) throw new NoExpression();
  }
}

function quotient(dividend: Extent, divisor: Extent): Extent {
  if (!isAtLeast(divisor, 1)) throw new NoExpression();
  return floorDivide(dividend, divisor);
}
