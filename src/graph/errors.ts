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

/** Names come from files and may hold anything: control characters are escaped so that a message stays one line. */
export function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this looks for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => JSON.stringify(character).slice(1, -1));
}

/** The operating system's reason in words, from a Node.js file-system error. */
export function systemReason(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  switch (code) {
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
