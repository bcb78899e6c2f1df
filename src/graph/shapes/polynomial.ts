import { createHash } from "node:crypto";

/**
 * An extent of a shape: a number, or the text of a polynomial with integer coefficients over symbols, in one canonical
 * form ("batch", "2*batch*heads + 1", "floor((height + 1)/2)"). Equal texts are equal extents, so `===` compares them.
 * Symbols stand for extents of at least 1; what happens with empty tensors at run time is the operators' business.
 * Elements of float tensors may have halves, quarters ... as coefficients ("0.5*height").
 */
export type Extent = number | string;

/** Coefficients by monomial: its atoms, sorted, joined by "*"; the constant term's key is "". */
export type Polynomial = ReadonlyMap<string, number>;

/** A floor of a quotient, a maximum or a minimum. */
export interface Call {
  readonly name: "floor" | "max" | "min";
  readonly operands: readonly [Extent, Extent];
}

/** Longer texts are no help to anyone; only damaged or hostile files make them. */
const longestText = 1024;

/** What an extent is made of. */
export function polynomial(extent: Extent): Polynomial {
  if (typeof extent === "number") return extent === 0 ? new Map() : new Map([["", extent]]);
  let known = polynomials.get(extent);
  if (known === undefined) {
    known = read(extent);
    if (polynomials.size >= mostRemembered) polynomials.clear();
    polynomials.set(extent, known);
  }
  return known;
}

const polynomials = new Map<string, Polynomial>();
const mostRemembered = 10_000;

/**
 * The extent of a polynomial: terms of higher degree first, then by name, the constant last. For a text beyond all
 * measure stands "expression(number, symbols)".
 */
export function canonical(terms: Polynomial): Extent {
  const constant = terms.get("") ?? 0;
  const monomials = [...terms].filter(([monomial, coefficient]) => monomial !== "" && coefficient !== 0);
  if (monomials.length === 0) return constant;
  let text = "";
  for (const [monomial, coefficient] of [
    ...monomials.toSorted(([a], [b]) => compareMonomials(a, b)),
    ["", constant] as const,
  ]) {
    if (coefficient === 0) continue;
    const sign = coefficient < 0 ? "-" : "+";
    text += text === "" ? (coefficient < 0 ? "-" : "") : ` ${sign} `;
    text += scaled(Math.abs(coefficient), monomial);
  }
  const isExact = [...terms.values()].every((coefficient) => Math.abs(coefficient) <= Number.MAX_SAFE_INTEGER);
  return isExact && text.length <= longestText ? text : abbreviated(text);
}

/** The factors of a monomial: symbols and calls. */
export function atoms(monomial: string): readonly string[] {
  return monomial === "" ? [] : monomial.includes("(") ? splitOutside(monomial, "*") : monomial.split("*");
}

/** The text of a call. */
export function callText(name: Call["name"], left: Extent, right: Extent): Extent {
  const text = name === "floor" ? `floor(${group(left)}/${group(right)})` : `${name}(${left}, ${right})`;
  return text.length <= longestText ? text : abbreviated(text);
}

/** The text of an atom "expression(number, symbols)" with other operands in place of the symbols. */
export function abbreviation(number: string, operands: readonly Extent[]): string {
  const text = `expression(${[number, ...operands].join(", ")})`;
  return text.length <= 2 * longestText ? text : abbreviated(text);
}

/** The parts of an atom "expression(number, symbols)"; undefined for others. */
export function abbreviationOf(
  atom: string,
): { readonly number: string; readonly operands: readonly Extent[] } | undefined {
  if (!atom.startsWith("expression(")) return undefined;
  const [number = "", ...operands] = splitOutside(atom.slice("expression(".length, -1), ", ");
  return { number, operands: operands.map(ungroup) };
}

/** The symbols that occur in a text, those inside of calls included. */
export function symbolsIn(text: string): readonly string[] {
  return [...new Set([...text.matchAll(/[\p{L}_$][\p{L}\p{N}_.$]*(?![\p{L}\p{N}_.$]|\()/gu)].map(([name]) => name))];
}

/** The parts of an atom that is a floor, minimum or maximum; undefined for a symbol. */
export function callOf(atom: string): Call | undefined {
  if (!isOneCall(atom)) return undefined;
  const open = atom.indexOf("(");
  const name = atom.slice(0, open);
  if (name !== "floor" && name !== "max" && name !== "min") return undefined;
  const [left, right] = splitOutside(atom.slice(open + 1, -1), name === "floor" ? "/" : ", ").map(ungroup);
  return left === undefined || right === undefined ? undefined : { name, operands: [left, right] };
}

/** Whether the parenthesis that a text ends with closes the first one. */
function isOneCall(text: string): boolean {
  if (!text.endsWith(")")) return false;
  let depth = 0;
  for (let index = text.indexOf("("); index < text.length - 1; index++) {
    if (text[index] === "(") depth++;
    else if (text[index] === ")" && --depth === 0) return false;
  }
  return true;
}

/** A symbol of that name; characters that an expression would read differently are escaped. */
export function symbol(name: string): string {
  const escaped = name.replaceAll(/[^\p{L}\p{N}_.$]/gu, escapedCharacter).replace(/^[^\p{L}_$]/u, escapedCharacter);
  return escaped === "" ? "_x_" : escaped;
}

function escapedCharacter(character: string): string {
  return `_x${character.codePointAt(0)?.toString(16) ?? ""}_`;
}

function abbreviated(text: string): string {
  const number = BigInt(`0x${createHash("sha256").update(text).digest("hex").slice(0, 32)}`);
  return `expression(${[number, ...symbolsIn(text)].join(", ")})`;
}

function compareMonomials(a: string, b: string): number {
  const [degreeOfA, degreeOfB] = [atoms(a).length, atoms(b).length];
  if (degreeOfA !== degreeOfB) return degreeOfB - degreeOfA;
  return a < b ? -1 : a > b ? 1 : 0;
}

function scaled(coefficient: number, monomial: string): string {
  if (monomial === "") return String(coefficient);
  return coefficient === 1 ? monomial : `${coefficient}*${monomial}`;
}

function group(extent: Extent): string {
  return typeof extent === "number" || /^[^ *]+$/u.test(extent) ? String(extent) : `(${extent})`;
}

function ungroup(text: string): Extent {
  const inner = text.startsWith("(") ? text.slice(1, -1) : text;
  return isNumber(inner) ? Number(inner) : inner;
}

function isNumber(text: string): boolean {
  return /^-?\d+(?:\.\d+)?$/u.test(text);
}

/** The terms of a canonical text. */
function read(text: string): Polynomial {
  const terms = new Map<string, number>();
  const addTerm = (term: string, sign: number) => {
    const [first = "", ...others] = atoms(term);
    if (isNumber(first)) terms.set(others.join("*"), sign * Number(first));
    else terms.set(term, sign);
  };
  for (const [index, sum] of splitOutside(text.startsWith("-") ? text.slice(1) : text, " + ").entries()) {
    for (const [part, term] of splitOutside(sum, " - ").entries()) {
      addTerm(term, part > 0 || (index === 0 && text.startsWith("-")) ? -1 : 1);
    }
  }
  return terms;
}

/** Splits at a separator that is in no parentheses. */
function splitOutside(text: string, separator: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    if (character === "(") depth++;
    else if (character === ")") depth--;
    else if (depth === 0 && text.startsWith(separator, index)) {
      parts.push(text.slice(start, index));
      start = index + separator.length;
      index = start - 1;
    }
  }
  return [...parts, text.slice(start)];
}
