import { InputError } from "./errors.js";
import { describeNode, type Node, stringAttribute } from "./model.js";

/** An axis of an operand or of the output: a letter, or one of the axes that an ellipsis stands for. */
export type Label = string;

/** Which axes the operands of an Einsum have in common. */
export interface EinsumEquation {
  /** The labels of each operand's axes. */
  readonly operands: readonly (readonly Label[])[];
  readonly output: readonly Label[];
}

/**
 * The equation of an Einsum with a label for every axis. The axes of ellipses are aligned at the last one, as in
 * broadcasting; without an arrow the output has these, then the letters that occur once in alphabetical order.
 * @param ranks of the operands
 */
export function einsumEquation(node: Node, ranks: readonly number[]): EinsumEquation {
  const text = (stringAttribute(node, "equation") ?? "").replaceAll(" ", "");
  const [left = "", right] = text.split("->");
  const terms = left.split(",").map(lettersOf);
  if (terms.length !== ranks.length) throw unfit(node, text, ranks);
  const hidden = terms.map((letters, operand) => {
    const isOpen = letters.includes(ellipsis);
    const count = (ranks[operand] ?? 0) - letters.length + (isOpen ? 1 : 0);
    if (count < 0 || (count > 0 && !isOpen)) throw unfit(node, text, ranks);
    return count;
  });
  const expanded = (letters: readonly string[], count: number): readonly Label[] =>
    letters.flatMap((letter) =>
      letter === ellipsis ? Array.from({ length: count }, (_, axis) => `${ellipsis}${count - axis}`) : [letter],
    );
  const operands = terms.map((letters, operand) => expanded(letters, hidden[operand] ?? 0));
  return {
    operands,
    output: expanded(right === undefined ? implicitOutput(terms) : lettersOf(right), Math.max(...hidden)),
  };
}

const ellipsis = "...";

function lettersOf(term: string): readonly string[] {
  return term.match(/\.\.\.|[A-Za-z]/gu) ?? [];
}

function implicitOutput(terms: readonly (readonly string[])[]): readonly string[] {
  const letters = terms.flat();
  const once = letters.filter(
    (letter) => letter !== ellipsis && letters.indexOf(letter) === letters.lastIndexOf(letter),
  );
  return [...(letters.includes(ellipsis) ? [ellipsis] : []), ...once.toSorted()];
}

function unfit(node: Node, text: string, ranks: readonly number[]): InputError {
  return new InputError(describeNode(node), `has the equation "${text}" for operands of rank ${ranks.join(", ")}`);
}

/** The equation's text, with a letter for every label. */
export function equationText({ operands, output }: EinsumEquation): string {
  const letters = new Map<Label, string>();
  const letter = (label: Label) => {
    const known = letters.get(label) ?? String.fromCharCode((letters.size < 26 ? 97 : 39) + letters.size);
    letters.set(label, known);
    return known;
  };
  const text = (labels: readonly Label[]) => labels.map(letter).join("");
  return `${operands.map(text).join(",")}->${text(output)}`;
}
