/**
 * Something in the user's input is wrong. The message is one line that says where, what and, where we know it, what to
 * do; the command line prints it as it is and exits with 2.
 */
export class InputError extends Error {
  override readonly name = "InputError";
  /** @param where the file, node or option at fault  @param what what is wrong  @param remedy what to do about it */
  constructor(
    readonly where: string,
    readonly what: string,
    readonly remedy?: string,
  ) {
    super(oneLine(`${where}: ${what}${remedy === undefined ? "" : `; ${remedy}`}`));
  }
}

/** Longer messages tell no one more; only damaged or hostile files have names that make them. */
const LONGEST_MESSAGE = 2000;

/**
 * Names come from files and may hold anything: control characters, and marks that turn the direction of writing, are escaped so
 * that a message stays one line, and a message that no one would read to its end is shortened in the middle.
 */
export function oneLine(text: string): string {
  const half = LONGEST_MESSAGE / 2;
  const shortened = text.length > LONGEST_MESSAGE ? `${text.slice(0, half)} ... ${text.slice(-half)}` : text;
  // oxlint-disable-next-line no-control-regex -- control characters are what this looks for
  return shortened.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, escaped);
}

/** As in JSON, which itself leaves DEL, the C1 controls and the Unicode line separators as they are. */
function escaped(character: string): string {
  const json = JSON.stringify(character).slice(1, -1);
  return json === character ? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}` : json;
}

/** "a", "b", "c" and 5 more. */
export function firstNames(names: readonly string[]): string {
  const first = names.slice(0, 3).map((name) => `"${name}"`);
  return names.length > 3 ? `${first.join(", ")} and ${names.length - 3} more` : first.join(", ");
}

/** Whether an error comes from the operating system or from Node.js' checks of a path, and not from a bug. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "code" in error;
}

/** The operating system's reason in words, from a Node.js file-system error. */
export function systemReason(error: unknown): string {
  switch (isSystemError(error) ? error.code : undefined) {
    case "ENOENT":
      return "no such file or folder";
    case "EACCES":
    case "EPERM":
      return "permission denied";
    case "EISDIR":
      return "it is a folder";
    case "ENOTDIR":
      return "a part of the path is not a folder";
    case "ENOSPC":
      return "the disk is full";
    case "EROFS":
      return "the file system is read-only";
    case "ELOOP":
      return "too many symbolic links";
    case "ENAMETOOLONG":
      return "the name is too long";
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
