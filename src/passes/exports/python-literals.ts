/** Pieces of Python source text. Everything here is ASCII, so that no editor or console encoding can damage it. */

/** A Python string literal; valid in code, in a comment and in a docstring, whatever the text holds. */
export function pythonString(text: string): string {
  return JSON.stringify(text).replaceAll(/[^\u0020-\u007e]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code > 0xffff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`;
  });
}

/** A Python float literal that reads back as exactly this number. */
export function pythonFloat(value: number): string {
  const digits = String(value);
  return /^-?\d+$/.test(digits) ? `${digits}.0` : digits;
}

/** A text as it stands where it is harmless (letters, digits, ordinary punctuation), else as a string literal. */
export function pythonComment(text: string): string {
  return /^[\w.+-][\w .+:/-]*$/.test(text) && !text.endsWith(" ") ? text : pythonString(text);
}

function hex(code: number, width: number): string {
  return code.toString(16).padStart(width, "0");
}
